//! A blocking HTTP client that keeps its connection, unless the gateway says that it closes it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a gateway.
pub(crate) struct Http {
    port: u16,
    stream: BufReader<TcpStream>,
    /// Whether the last answer was the last of this connection.
    closed: bool,
}

/// What a gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Http {
    /// Connects to this port of loopback.
    pub(crate) fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            port,
            stream: BufReader::new(stream),
            closed: false,
        })
    }

    /// Asks for a path.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "reader", b"")
    }

    /// Sends a body under a request id. An error says that no whole answer came back.
    pub(crate) fn post(
        &mut self,
        path: &str,
        request_id: &str,
        body: &Value,
    ) -> io::Result<Answer> {
        self.send("POST", path, request_id, body.to_string().as_bytes())
    }

    /// Sends a body of any bytes under a request id. An error says that no whole answer came back.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        id: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        if self.closed {
            *self = Self::connect(self.port)?;
        }
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: {id}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [request.as_bytes(), body].concat();
        self.stream.get_mut().write_all(&request)?;
        let mut line = String::new();
        self.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in `{line}`")))?;
        let mut length = 0;
        loop {
            self.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            self.closed |= name.eq_ignore_ascii_case("connection") && value.trim() == "close";
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        let body = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        Ok(Answer { status, body })
    }

    fn read_line(&mut self, line: &mut String) -> io::Result<()> {
        line.clear();
        match self.stream.read_line(line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
