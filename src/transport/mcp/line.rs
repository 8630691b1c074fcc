//! The way back from a tool to the client that called it.

use rmcp::RoleServer;
use rmcp::model::{
    ClientResult, CustomRequest, GetExtensions as _, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProgressToken, ServerRequest,
};
use rmcp::service::{OriginatingRequestId, RequestContext};
use serde_json::{Value, json};

use crate::tools::{Client, NotAnswered, Progress, Soon};

/// The client of one call.
pub(super) struct Caller {
    context: RequestContext<RoleServer>,
    token: Option<ProgressToken>,
    inputs: Value,
    /// From which level on the client wants to read a tool's log; `None`: it does not.
    level: Option<LoggingLevel>,
}

impl Caller {
    /// The client of this request, which sent `inputs` along.
    pub(super) fn new(
        context: RequestContext<RoleServer>,
        inputs: Value,
        level: Option<LoggingLevel>,
    ) -> Self {
        Self {
            token: context.meta.get_progress_token(),
            context,
            inputs,
            level,
        }
    }
}

impl Client for Caller {
    fn capabilities(&self) -> Value {
        let declared = self.context.client_capabilities();
        serde_json::to_value(declared).unwrap_or_default()
    }

    fn inputs(&self) -> Value {
        self.inputs.clone()
    }

    fn progress(&self, progress: Progress) -> Soon<'_, ()> {
        Box::pin(async move {
            let Some(token) = self.token.clone() else {
                return;
            };
            let mut params = ProgressNotificationParam::new(token, progress.done);
            params.total = progress.total;
            params.message = progress.message;
            if let Err(fault) = self.context.peer.notify_progress(params).await {
                tracing::debug!(%fault, "nobody hears of the progress");
            }
        })
    }

    fn log(&self, level: &'static str, data: Value) -> Soon<'_, ()> {
        Box::pin(async move {
            let read = serde_json::from_value(json!(level)).ok();
            let (Some(wanted), Some(level)) = (self.level, read) else {
                return;
            };
            if rank(level) < rank(wanted) {
                return;
            }
            let params = LoggingMessageNotificationParam::new(level, data);
            let told = self.context.peer.notify_logging_message(params).await;
            if let Err(fault) = told {
                tracing::debug!(%fault, "nobody reads the tool's log");
            }
        })
    }

    fn ask(&self, method: &'static str, params: Value) -> Soon<'_, Result<Value, NotAnswered>> {
        Box::pin(async move {
            let mut request =
                ServerRequest::CustomRequest(CustomRequest::new(method, Some(params)));
            // The question goes out on the stream of the request that it belongs to.
            let origin = OriginatingRequestId(self.context.id.clone());
            request.extensions_mut().insert(origin);
            let answer = self.context.peer.send_request(request).await;
            let answer = answer.map_err(|fault| NotAnswered(fault.to_string()))?;
            as_value(&answer)
        })
    }
}

fn as_value(answer: &ClientResult) -> Result<Value, NotAnswered> {
    serde_json::to_value(answer).map_err(|fault| NotAnswered(fault.to_string()))
}

/// How grave a level is (RFC 5424, section 6.2.1).
fn rank(level: LoggingLevel) -> usize {
    const LEVELS: [LoggingLevel; 8] = [
        LoggingLevel::Debug,
        LoggingLevel::Info,
        LoggingLevel::Notice,
        LoggingLevel::Warning,
        LoggingLevel::Error,
        LoggingLevel::Critical,
        LoggingLevel::Alert,
        LoggingLevel::Emergency,
    ];
    LEVELS
        .iter()
        .position(|known| *known == level)
        .unwrap_or_default()
}
