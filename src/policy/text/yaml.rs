//! The parser's events become trees: no anchors, aliases, tags, merge keys or duplicate keys, at most 32 deep.

use std::collections::HashMap;

use serde_yaml::granit_parser as yaml;
use yaml::{Event, ScalarStyle};

use super::{Data, Entry, MAX_DEPTH, Node, Report, Span, scalar};
use crate::policy::error::is_invisible;

/// The documents of a text; none of a text with a mistake, so that one mistake is not told twice.
pub(super) fn documents(report: &mut Report<'_>, source: usize, text: &str) -> Vec<Node> {
    let before = report.count();
    let mut builder = Builder {
        report,
        source,
        text,
        open: Vec::new(),
        done: Vec::new(),
        stopped: false,
    };
    builder.run();
    let documents = builder.done;
    if report.count() > before {
        return Vec::new();
    }
    if documents.iter().all(|node| node.data == Data::Null) {
        let hint = "write at least one policy, or remove the file";
        report
            .syntax(Span::file(source), "the file says nothing")
            .hint(hint);
        return Vec::new();
    }
    documents
}

/// A collection that is not closed yet.
enum Open {
    List {
        at: Span,
        items: Vec<Node>,
    },
    Map {
        at: Span,
        entries: Vec<Entry>,
        seen: HashMap<String, Span>,
        key: Option<(String, Span)>,
    },
}

struct Builder<'r, 's, 't> {
    report: &'r mut Report<'s>,
    source: usize,
    text: &'t str,
    open: Vec<Open>,
    done: Vec<Node>,
    stopped: bool,
}

impl Builder<'_, '_, '_> {
    fn run(&mut self) {
        let options = yaml::options! {
            disallow_directives: true,
            emit_anchor_events: true,
            emit_unresolved_aliases: true,
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH
        };
        for next in yaml::Parser::new_from_str_with_options(self.text, options) {
            match next {
                Ok((event, span)) => self.take(&event, &span),
                Err(fault) => self.fail(&fault),
            }
            if self.stopped {
                return;
            }
        }
    }

    fn take(&mut self, event: &Event<'_>, span: &yaml::Span) {
        let at = self.span(span);
        match event {
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(span, tag.as_deref());
                self.scalar(at, text, *style);
            }
            Event::SequenceStart(_, _, tag) => {
                self.refuse_tag(span, tag.as_deref());
                self.push(Open::List {
                    at,
                    items: Vec::new(),
                });
            }
            Event::MappingStart(_, _, tag) => {
                self.refuse_tag(span, tag.as_deref());
                self.push(Open::Map {
                    at,
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let hint = format!(
                    "quote patterns that start with `*`: \"{}\"",
                    self.written(span)
                );
                self.report
                    .syntax(at, "an alias is not allowed here")
                    .hint(&hint);
                self.value(Node {
                    at,
                    data: Data::Null,
                });
            }
            Event::Anchor(..) => {
                let hint = "write the value out, or quote the text that starts with `&`";
                self.report
                    .syntax(at, "an anchor is not allowed here")
                    .hint(hint);
            }
            // The parser may learn more events; none of these says anything.
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Comment(..)
            | _ => {}
        }
    }

    /// Notes a tag: with one, what a text says could differ from what it shows.
    fn refuse_tag(&mut self, span: &yaml::Span, tag: Option<&yaml::Tag>) {
        let Some(start) = span.tag_start().filter(|_| tag.is_some()) else {
            return;
        };
        let rest = self.text.chars().skip(start.index());
        let written: String = rest
            .take_while(|c| !c.is_whitespace() && *c != ',' && *c != ']')
            .collect();
        let at = Span::new(
            self.source,
            start.line(),
            start.col() + 1,
            written.chars().count(),
        );
        let hint = format!("take it out, or quote the text that starts with `!`: \"{written}\"");
        self.report
            .syntax(at, "a tag is not allowed here")
            .hint(&hint);
    }

    fn scalar(&mut self, at: Span, text: &str, style: ScalarStyle) {
        if let Some(hidden) = text
            .chars()
            .find(|&c| (c.is_control() && c != '\n' && c != '\t') || is_invisible(c))
        {
            let message = format!(
                "the text holds the invisible character U+{:04X}",
                u32::from(hidden)
            );
            self.report
                .syntax(at, &message)
                .hint("remove it: people must see what a policy says");
        }
        if let Some(Open::Map {
            entries: _,
            seen,
            key: key @ None,
            ..
        }) = self.open.last_mut()
        {
            let first = seen.insert(text.to_owned(), at);
            *key = Some((text.to_owned(), at));
            if let Some(first) = first {
                let message = format!(
                    "the key `{text}` stands twice, first in line {}",
                    first.line
                );
                self.report.syntax(at, &message).hint("keep one of them");
            } else if text == "<<" {
                self.report
                    .syntax(at, "a merge key is not allowed here")
                    .hint("write the values out");
            }
            return;
        }
        let data = if style == ScalarStyle::Plain {
            scalar::plain(text).unwrap_or_else(|hint| {
                self.report
                    .syntax(at, &format!("`{text}` is not a number here"))
                    .hint(hint);
                Data::Null
            })
        } else {
            Data::Text(text.to_owned())
        };
        self.value(Node { at, data });
    }

    fn push(&mut self, collection: Open) {
        let (Open::List { at, .. } | Open::Map { at, .. }) = &collection;
        if matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            self.report
                .syntax(*at, "a key must be a text")
                .hint("quote patterns that start with `[` or `{`");
            self.stopped = true;
        } else if self.open.len() >= MAX_DEPTH {
            self.too_deep(*at);
        } else {
            self.open.push(collection);
        }
    }

    fn close(&mut self) {
        let node = match self.open.pop() {
            Some(Open::List { at, items }) => Node {
                at,
                data: Data::List(items),
            },
            Some(Open::Map { at, entries, .. }) => Node {
                at,
                data: Data::Map(entries),
            },
            None => return,
        };
        self.value(node);
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                // An alias in the place of a key was noted already.
                if let Some((key, key_at)) = key.take() {
                    entries.push(Entry {
                        key,
                        key_at,
                        value: node,
                    });
                } else {
                    *key = Some((String::new(), node.at));
                }
            }
            None => self.done.push(node),
        }
    }

    fn fail(&mut self, fault: &yaml::ScanError) {
        let mark = fault.marker();
        let at = Span::new(self.source, mark.line(), mark.col() + 1, 1);
        self.stopped = true;
        if matches!(fault.kind(), yaml::ErrorKind::RecursionLimitExceeded) {
            self.too_deep(at);
            return;
        }
        let hint = match self.text.chars().nth(mark.index()) {
            Some('*') => "quote patterns that start with `*`",
            Some('@') => "quote groups: \"@name\"",
            Some('%') => "a file has no directives: remove the line, or quote the text",
            Some('\t') => "indent with spaces, not tabs",
            Some(_) | None => "check indentation, brackets, colons and quotes from here upwards",
        };
        self.report
            .syntax(at, &format!("not YAML: {}", fault.kind()))
            .hint(hint);
    }

    fn too_deep(&mut self, at: Span) {
        let message = format!("values nest more than {MAX_DEPTH} deep");
        self.report
            .syntax(at, &message)
            .hint("no policy needs that: flatten it");
        self.stopped = true;
    }

    fn span(&self, span: &yaml::Span) -> Span {
        let (start, end) = (&span.start, &span.end);
        let length = if end.line() == start.line() {
            end.col().saturating_sub(start.col())
        } else {
            1
        };
        Span::new(self.source, start.line(), start.col() + 1, length.max(1))
    }

    fn written(&self, span: &yaml::Span) -> String {
        span.slice(self.text).unwrap_or_default().to_owned()
    }
}
