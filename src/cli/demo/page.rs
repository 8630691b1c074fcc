//! What is printed: 80 columns, and colour where somebody sees it.

use std::io::{self, Write};

use crate::cli::output::plain;

/// The columns of a page.
pub(super) const WIDTH: usize = 80;
/// How far everything but headings stands in.
const MARGIN: &str = "   ";
/// The columns of a label.
const LABEL: usize = 9;

/// How an answer went, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A call ran.
    Allowed,
    /// A call was refused.
    Denied,
    /// The operator did something.
    Done,
    /// The record is whole.
    Intact,
    /// The record is not whole.
    Broken,
    /// It did not come out as told.
    Failed,
}

impl Word {
    const fn text(self) -> &'static str {
        match self {
            Self::Allowed => "ALLOWED",
            Self::Denied => "DENIED",
            Self::Done => "DONE",
            Self::Intact => "INTACT",
            Self::Broken => "BROKEN",
            Self::Failed => "FAILED",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Allowed | Self::Done | Self::Intact => "1;32",
            Self::Denied | Self::Broken => "1;33",
            Self::Failed => "1;31",
        }
    }
}

/// A page that grows.
pub(super) struct Page {
    out: Box<dyn Write + Send>,
    colour: bool,
}

impl Page {
    pub(super) fn new(out: impl Write + Send + 'static, colour: bool) -> Self {
        Self {
            out: Box::new(out),
            colour,
        }
    }

    /// The title of what follows.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.painted("1", text);
        writeln!(self.out, "{text}")
    }

    /// Sentences, wrapped.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        for line in wrap(text, WIDTH - MARGIN.len()) {
            writeln!(self.out, "{MARGIN}{line}")?;
        }
        Ok(())
    }

    /// A command as a reader could type it.
    pub(super) fn command(&mut self, lines: &[String]) -> io::Result<()> {
        for (index, line) in lines.iter().enumerate() {
            let prompt = if index == 0 { "$ " } else { "" };
            let line = self.painted("36", &format!("{prompt}{line}"));
            writeln!(self.out, "{MARGIN}{line}")?;
        }
        Ok(())
    }

    /// How it went: a word, and what to.
    pub(super) fn verdict(&mut self, word: Word, text: &str) -> io::Result<()> {
        self.labelled(word.text(), Some(word.colour()), text)
    }

    /// One thing that the answer says.
    pub(super) fn fact(&mut self, label: &str, text: &str) -> io::Result<()> {
        self.labelled(label, None, text)
    }

    /// An empty line, after which the reader has time: what was printed is to be seen.
    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)?;
        self.out.flush()
    }

    fn labelled(&mut self, label: &str, colour: Option<&str>, text: &str) -> io::Result<()> {
        let padded = format!("{label:LABEL$}");
        let mut label = match colour {
            Some(colour) => self.painted(colour, &padded),
            None => padded,
        };
        for line in wrap(text, WIDTH - MARGIN.len() - LABEL) {
            writeln!(self.out, "{MARGIN}{label}{line}")?;
            label = " ".repeat(LABEL);
        }
        Ok(())
    }

    /// The text in a colour, if there are any; what agents wrote is shown, not carried out.
    fn painted(&self, colour: &str, text: &str) -> String {
        let text = plain(text);
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text
        }
    }
}

/// The text in lines of at most so many columns; a longer word has a line to itself.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in plain(text).split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("paper").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a page says of an answer.
    fn printed(colour: bool, text: &str) -> String {
        let paper = Paper::default();
        let mut page = Page::new(paper.clone(), colour);
        page.heading("2  It may look").expect("printed");
        page.verdict(Word::Denied, text).expect("printed");
        page.fact("record", "act_1").expect("printed");
        String::from_utf8(paper.0.lock().expect("paper").clone()).expect("text")
    }

    #[test]
    fn long_answers_are_wrapped_under_their_label() {
        let text = "word ".repeat(30);
        let page = printed(false, &text);
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        assert!(lines[1].starts_with("   DENIED   word"));
        assert!(lines[2].starts_with("            word"));
        assert_eq!(lines[4], "   record   act_1");
    }

    #[test]
    fn colour_is_there_only_where_it_is_seen_and_an_agent_has_none_to_give() {
        let hostile = "\x1b[31mred\x1b[0m \u{7}";
        assert!(!printed(false, hostile).contains('\x1b'));
        let page = printed(true, hostile);
        assert!(page.contains("\x1b[1;33mDENIED"));
        assert!(!page.contains("\x1b[31m"));
    }
}
