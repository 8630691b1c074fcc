//! Server-sent events (WHATWG HTML, "Server-sent events"), put together from pieces of a stream.

/// An event, as it was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its id, or nothing.
    pub id: String,
    /// Its name, or nothing.
    pub name: String,
    /// Its data, the lines of which are joined.
    pub data: String,
}

/// Puts events together from pieces of any size.
#[derive(Debug, Default)]
pub struct EventReader {
    line: Vec<u8>,
    event: Event,
}

impl EventReader {
    /// The events that are whole with these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut whole = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                whole.extend((event != Event::default()).then_some(event));
            } else if let Some((name, value)) = line.split_once(':') {
                self.field(name, value.strip_prefix(' ').unwrap_or(value));
            }
        }
        whole
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_pieces_of_any_size() {
        let text = ": heartbeat\n\nid: aud_1\nevent: record\ndata: {\"a\":\"x: y\"}\n\nevent: lagged\ndata: {}\n\nid: aud_2\n";
        for size in [1, 2, 7, 1000] {
            let mut reader = EventReader::default();
            let events: Vec<Event> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| reader.read(piece))
                .collect();
            let [record, lagged] = events.as_slice() else {
                panic!("{events:?}")
            };
            assert_eq!(
                (
                    record.id.as_str(),
                    record.name.as_str(),
                    record.data.as_str()
                ),
                ("aud_1", "record", "{\"a\":\"x: y\"}")
            );
            assert_eq!(lagged.name, "lagged");
        }
    }

    #[test]
    fn events_are_cut_wherever_the_bytes_are() {
        let text = ": hello\n\ndata: {\"a\":1}\n\nid: 3\nevent: message\r\ndata:{\"b\":\ndata: 2}\r\n\r\ndata:\n\n";
        for size in [1, 2, 7, text.len()] {
            let mut reader = EventReader::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                let data = reader.read(piece).into_iter().map(|event| event.data);
                found.extend(data.filter(|data| !data.trim().is_empty()));
            }
            assert_eq!(found, ["{\"a\":1}", "{\"b\":\n2}"], "{size}");
        }
    }
}
