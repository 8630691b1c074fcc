//! Lines of standard input and output: bounded, in order, never anything but messages.

use std::io::{BufRead, Read as _, Write};

use tokio::sync::mpsc;

/// How many lines wait on either side.
const WAITING: usize = 64;

/// A line that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes, without the line end.
    Whole(Vec<u8>),
    /// It was longer than it may be, and was passed over.
    TooLong,
}

/// Reads lines on a thread of its own, until the end of the input.
pub(super) fn read<R: BufRead + Send + 'static>(input: R, limit: usize) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut input = input;
        while let Some(line) = next(&mut input, limit) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Writes messages on a thread of its own, one a line; the thread ends with the sender.
pub(super) fn write<W: Write + Send + 'static>(
    output: W,
) -> (mpsc::Sender<String>, std::thread::JoinHandle<()>) {
    let (sender, mut receiver) = mpsc::channel::<String>(WAITING);
    let writing = std::thread::spawn(move || {
        let mut output = output;
        while let Some(message) = receiver.blocking_recv() {
            if writeln!(output, "{message}").is_err() || output.flush().is_err() {
                // Nobody reads any more: what is still to come is for nobody.
                receiver.close();
            }
        }
    });
    (sender, writing)
}

/// The next line that is not empty; `None` at the end, or when the input breaks.
fn next(input: &mut impl BufRead, limit: usize) -> Option<Line> {
    loop {
        let mut line = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = input.by_ref().take(most).read_until(b'\n', &mut line);
        if read.ok()? == 0 {
            return None;
        }
        if line.last() != Some(&b'\n') && line.len() > limit {
            pass_over(input)?;
            return Some(Line::TooLong);
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        if !line.is_empty() {
            return Some(Line::Whole(line));
        }
    }
}

/// Passes over the rest of a line, without keeping it.
fn pass_over(input: &mut impl BufRead) -> Option<()> {
    loop {
        let waiting = input.fill_buf().ok()?;
        if waiting.is_empty() {
            return Some(());
        }
        if let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            input.consume(end + 1);
            return Some(());
        }
        let all = waiting.len();
        input.consume(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_a_long_one_does_not_hide_the_next() {
        let text = format!("a\r\n\n{}\n{}\nlast", "x".repeat(8), "y".repeat(10_000));
        let mut input = std::io::BufReader::with_capacity(16, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut input, 8) {
            lines.push(line);
        }
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(
            lines,
            [whole("a"), whole("xxxxxxxx"), Line::TooLong, whole("last")]
        );
    }
}
