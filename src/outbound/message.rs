//! One JSON-RPC message to a gateway, and the stream of what it answers.

use std::time::Duration;

use super::{Client, Events, OPENING, OutboundError, innermost};

/// Headers that go with a message.
pub type Headers = Vec<(&'static str, String)>;

impl Client {
    /// Sends a message; the answer is read as it comes.
    ///
    /// # Errors
    /// [`OutboundError::Unreachable`] when nobody took it, so that it can be sent again; [`OutboundError::Broken`] when
    /// somebody may have.
    pub async fn message(
        &self,
        path: &str,
        json: Vec<u8>,
        headers: Headers,
    ) -> Result<Events, OutboundError> {
        let request = self
            .request(reqwest::Method::POST, path)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(json);
        self.open(request, headers).await
    }

    /// Listens for what the gateway says on its own.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn listen(&self, path: &str, headers: Headers) -> Result<Events, OutboundError> {
        let request = self
            .request(reqwest::Method::GET, path)
            .header("accept", "text/event-stream");
        let opened = self.open(request, headers);
        tokio::time::timeout(OPENING, opened)
            .await
            .map_err(|_| OutboundError::Unreachable("no answer in time".to_owned()))?
    }

    /// Ends what these headers name.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn end(&self, path: &str, headers: Headers) -> Result<(), OutboundError> {
        let request = self.request(reqwest::Method::DELETE, path);
        self.open(request, headers).await.map(drop)
    }

    async fn open(
        &self,
        mut request: reqwest::RequestBuilder,
        headers: Headers,
    ) -> Result<Events, OutboundError> {
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let reply = request.timeout(Duration::MAX).send().await;
        let reply = reply.map_err(|fault| {
            let why = innermost(&fault);
            if fault.is_connect() {
                OutboundError::Unreachable(why)
            } else {
                OutboundError::Broken(why)
            }
        })?;
        Ok(Events { reply })
    }
}

impl Events {
    /// A header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.reply.headers().get(name)?.to_str().ok()
    }

    /// Whether events follow, rather than one JSON text.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.header("content-type")
            .is_some_and(|media| media.starts_with("text/event-stream"))
    }

    /// The whole answer.
    ///
    /// # Errors
    /// When the connection breaks before its end.
    pub async fn bytes(self) -> Result<Vec<u8>, OutboundError> {
        let bytes = self.reply.bytes().await;
        bytes
            .map(|bytes| bytes.to_vec())
            .map_err(|fault| OutboundError::Broken(innermost(&fault)))
    }
}
