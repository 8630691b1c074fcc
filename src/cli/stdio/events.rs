//! Messages out of a stream of server-sent events (WHATWG HTML, "Server-sent events").

/// Cuts bytes, as they come, into the data of events.
#[derive(Default)]
pub(super) struct Cutter {
    rest: Vec<u8>,
    data: String,
}

impl Cutter {
    /// The data of the events that these bytes complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut complete = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                if !self.data.trim().is_empty() {
                    complete.push(std::mem::take(&mut self.data));
                }
                self.data.clear();
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_wherever_the_bytes_are() {
        let text = ": hello\n\ndata: {\"a\":1}\n\nid: 3\nevent: message\r\ndata:{\"b\":\ndata: 2}\r\n\r\ndata:\n\n";
        for size in [1, 2, 7, text.len()] {
            let mut cutter = Cutter::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                found.extend(cutter.feed(piece));
            }
            assert_eq!(found, ["{\"a\":1}", "{\"b\":\n2}"], "{size}");
        }
    }
}
