//! `/mcp`: the Model Context Protocol, by which assistants run programs as a tool.
//!
//! Nothing is kept between requests, so that any of several servers may answer each. What a client needs of a session is
//! its id alone: together with the number of a request it names the run that came of it, and any server can stop that one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Extension, Router};
use http_body_util::Full;
use locus_core::token::body_digest;
use rmcp::RoleServer;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use serde_json::Value;

use crate::app::App;
use crate::backend::{Client, Once};
use crate::body::{self, BODY_BYTES_MAX};

mod call;
mod result;
mod tools;

/// Where the endpoint is.
pub const PATH: &str = "/mcp";

/// The session of a client: in the answer that begins it, and in the requests behind.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// What a client is told of the server when it connects, for the model to read.
const INSTRUCTIONS: &str = "Runs programs in a sandbox, each by itself: nothing of one run is there in the next, and there \
                            is no network unless the operator allows it. Print what you want to see.";

type Service = StreamableHttpService<Tools, NeverSessionManager>;

/// The endpoint.
pub fn routes(app: &App) -> Router<App> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        // Which hosts and pages may call is asked in front of every route.
        .disable_allowed_hosts()
        .with_max_request_body_bytes(BODY_BYTES_MAX);
    let tools = Tools { app: app.clone() };
    let service = Service::new(move || Ok(tools.clone()), Arc::default(), config);
    Router::new().route(PATH, any(answer)).layer(Extension(service))
}

async fn answer(
    State(app): State<App>,
    Extension(service): Extension<Service>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let bytes = match body::bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return crate::answer::Problem::from(error).into_response(),
    };
    let message = Message::read(&bytes);
    match (message.method.as_deref(), session(&parts.headers)) {
        (Some("notifications/cancelled"), Some(session)) => {
            let id = run_id(&client, session, &message.params.request_id);
            // One that is not known has ended, or was never taken.
            let _ = app.backend.cancel(&client, &id).await;
        }
        (Some("tools/call"), Some(session)) => {
            let id = run_id(&client, session, &message.id);
            parts.extensions.insert(Once { id, digest: body_digest(&bytes) });
        }
        _ => {}
    }
    let begins = message.method.as_deref() == Some("initialize");
    let mut response = service.handle(Request::from_parts(parts, Full::new(bytes))).await.map(Body::new);
    if begins
        && response.status().is_success()
        && let Ok(session) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string())
    {
        response.headers_mut().insert(SESSION_ID, session);
    }
    response
}

/// What of a message is looked at before the library reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    id: Value,
    method: Option<String>,
    params: Params,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Params {
    request_id: Value,
}

impl Message {
    /// Nothing of what is no message: the library says what is wrong with it.
    fn read(bytes: &Bytes) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_ID)?.to_str().ok().filter(|session| !session.is_empty())
}

/// The id of the run that a request of a session is.
fn run_id(client: &Client, session: &str, request: &Value) -> String {
    let name = serde_json::json!(["mcp", client, session, request]).to_string();
    format!("run-{}", &body_digest(name.as_bytes())[..32])
}

/// The tools, as the library calls them.
#[derive(Clone)]
struct Tools {
    app: App,
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("locus", env!("CARGO_PKG_VERSION")).with_title("Locus"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        match request.name.as_ref() {
            tools::RUN_CODE => Ok(call::run_code(&self.app, arguments, context).await.into()),
            tools::LIST_LANGUAGES => Ok(call::list_languages(&self.app).await.into()),
            name => {
                let message =
                    format!("there is no tool {name:?}: call {} or {}", tools::RUN_CODE, tools::LIST_LANGUAGES);
                Err(ErrorData::invalid_params(message, None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Message, run_id};

    #[test]
    fn a_run_follows_from_the_client_the_session_and_the_request() {
        let id = run_id(&None, "s", &json!(1));
        assert_eq!(id, run_id(&None, "s", &json!(1)));
        assert_eq!(id.len(), 36);
        for (client, session, request) in [
            (Some("a".to_owned()), "s", json!(1)),
            (None, "t", json!(1)),
            (None, "s", json!(2)),
            (None, "s", json!("1")),
        ] {
            assert_ne!(id, run_id(&client, session, &request));
        }
    }

    #[test]
    fn what_is_no_message_is_left_to_the_library() {
        for text in ["", "{", "[]", "3", r#"{"method": 3}"#, r#"{"method": "m", "params": 1}"#] {
            assert!(Message::read(&text.as_bytes().to_vec().into()).params.request_id.is_null(), "{text}");
        }
        let message =
            Message::read(&br#"{"method": "notifications/cancelled", "params": {"requestId": 7}}"#[..].into());
        assert_eq!(message.params.request_id, json!(7));
    }
}
