//! Where programs run: on a server that was named, or behind one that this command serves to itself.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use locus_api_server::app::{App, router};
use locus_api_server::backend::Backend as _;
use locus_api_server::backend::cluster::{Cluster, Settings, read_key};
use locus_api_server::backend::embedded::Embedded;
use locus_api_server::gate::Gate;
use locus_api_server::pages::Pages;
use locus_core::Network;
use locus_runner::embedded::Launcher;
use locus_runner::toolchain::Survey;
use tokio::net::TcpListener;
use tower_http::cors::AllowOrigin;
use uuid::Uuid;

use crate::client::{Client, api_key};
use crate::flags::PlaceFlags;
use crate::request::unreadable;
use crate::show::say;
use crate::trouble::Trouble;

/// How long a cluster may take to list its CodeRuns and languages.
const CLUSTER_PATIENCE: Duration = Duration::from_secs(15);

/// Where programs run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the server at a URL.
    Server(String),
    /// On a cluster.
    Cluster,
    /// On this machine.
    Here,
}

/// What a command needs of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Programs can be run there.
    APlaceToRun,
    /// It has runs that another command has made.
    RunsOfOthers,
}

impl Place {
    /// The place that the flags and the environment name.
    ///
    /// # Errors
    /// Nothing that is needed is there.
    pub fn find(flags: &PlaceFlags, is_plugin: bool, needs: Needs) -> Result<Self, Trouble> {
        let server = std::env::var("LOCUS_SERVER").ok().filter(|server| !server.is_empty());
        let place = Self::of(flags, server, is_plugin);
        if place == Self::Here && needs == Needs::RunsOfOthers {
            let message = "a run on this machine ends with its command: name a server with --server or LOCUS_SERVER, or a \
                           cluster with --context or --namespace";
            return Err(Trouble::Usage(message.to_owned()));
        }
        for flag in place.idle(flags) {
            say(&format!("locus: {flag} has no use {}", place.name()));
        }
        Ok(place)
    }

    /// The flags that were given and have no use at this place.
    fn idle(&self, flags: &PlaceFlags) -> Vec<&'static str> {
        let given = [
            ("--api-key-file", flags.api_key_file.is_some(), matches!(self, Self::Server(_))),
            ("--reader-key-file", flags.reader_key_file.is_some(), *self == Self::Cluster),
            ("--allow-weak-sandbox", flags.allow_weak_sandbox, *self == Self::Here),
        ];
        given.into_iter().filter(|(_, is_given, has_use)| *is_given && !has_use).map(|(flag, ..)| flag).collect()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Server(_) => "with a server",
            Self::Cluster => "straight on a cluster",
            Self::Here => "on this machine",
        }
    }

    fn of(flags: &PlaceFlags, server: Option<String>, is_plugin: bool) -> Self {
        let names_cluster = flags.kubeconfig.is_some() || flags.context.is_some() || flags.namespace.is_some();
        match (&flags.server, server) {
            (Some(server), _) => Self::Server(server.clone()),
            _ if names_cluster => Self::Cluster,
            (None, Some(server)) => Self::Server(server),
            _ if is_plugin => Self::Cluster,
            _ => Self::Here,
        }
    }

    /// A client of the server there; one of this command's own is started first.
    ///
    /// # Errors
    /// There can't be one.
    pub async fn open(&self, flags: &PlaceFlags) -> Result<Client, Trouble> {
        match self {
            Self::Server(server) => Client::new(server, api_key(flags.api_key_file.as_deref())?.as_deref()),
            Self::Cluster => serve(App::new(Arc::new(cluster(flags).await?))).await,
            Self::Here => serve(App::new(Arc::new(this_machine(flags.allow_weak_sandbox).await?))).await,
        }
    }
}

async fn this_machine(weak_will_do: bool) -> Result<Embedded, Trouble> {
    let survey = Survey::when_asked();
    let examined = tokio::task::spawn_blocking(|| Launcher::probe(Network::None)).await.map_err(std::io::Error::other);
    let launcher = examined.and_then(|examined| examined).map_err(Trouble::io("the sandbox can't be examined"))?;
    if let Some(weakness) = launcher.report().weakness.as_ref().filter(|_| !weak_will_do) {
        let ways = "name a server with --server, or accept that with --allow-weak-sandbox";
        return Err(Trouble::NoPlace(format!("{weakness}; {ways}")));
    }
    // There is one run at a time, and nothing that comes after it.
    Ok(Embedded::new(survey, launcher.warm(0), Gate::new(1, 1)))
}

/// The cluster, once it has told what there is.
async fn cluster(flags: &PlaceFlags) -> Result<Cluster, Trouble> {
    if let Some(file) = &flags.kubeconfig {
        std::fs::File::open(file).map_err(|error| unreadable(file, &error))?;
    }
    let none = |error: &dyn std::fmt::Display| {
        Trouble::NoPlace(format!("no cluster: {error}; set KUBECONFIG, or name one with --kubeconfig or --context"))
    };
    let settings = Settings {
        kubeconfig: flags.kubeconfig.clone(),
        context: flags.context.clone(),
        namespace: flags.namespace.clone(),
        reader_keys: flags
            .reader_key_file
            .iter()
            .map(|file| read_key(file))
            .collect::<Result<_, _>>()
            .map_err(|error| Trouble::Usage(format!("{error:#}")))?,
        // Whoever has rights of their own on CodeRuns sees those of others as well.
        everything: true,
        ..Settings::default()
    };
    let cluster = Cluster::connect(settings).await.map_err(|error| none(&error))?;
    let began = Instant::now();
    while let Err(error) = cluster.ready() {
        if began.elapsed() > CLUSTER_PATIENCE {
            return Err(Trouble::NoPlace(format!(
                "{error}: does the cluster answer (`kubectl get coderuns`), is Locus installed on it, and may you list CodeRuns?"
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(cluster)
}

/// Serves to this process alone: whoever else can reach the port does not know the key.
async fn serve(app: App) -> Result<Client, Trouble> {
    let key = Uuid::new_v4().to_string();
    let client = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let bearer: Arc<str> = format!("Bearer {key}").into();
        let routes =
            router(app.for_pages(Pages::These { origins: Vec::new(), on_this_machine: true }), AllowOrigin::list([]))
                .layer(from_fn_with_state(bearer, admit));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(address)
    };
    let address = client.await.map_err(Trouble::io("no port of this machine can be listened on"))?;
    Client::new(&format!("http://{address}"), Some(&key))
}

async fn admit(State(bearer): State<Arc<str>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_none_or(|given| given.as_bytes() != bearer.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::flags::PlaceFlags;

    #[test]
    fn what_is_named_on_the_command_line_goes_before_the_environment() {
        let flags = |server: Option<&str>, context: Option<&str>| PlaceFlags {
            server: server.map(str::to_owned),
            context: context.map(str::to_owned),
            ..PlaceFlags::default()
        };
        let of = |server, context, environment: Option<&str>, is_plugin| {
            Place::of(&flags(server, context), environment.map(str::to_owned), is_plugin)
        };
        let server = |url: &str| Place::Server(url.to_owned());
        assert_eq!(of(None, None, None, false), Place::Here);
        assert_eq!(of(None, None, None, true), Place::Cluster);
        assert_eq!(of(None, None, Some("e"), true), server("e"));
        assert_eq!(of(None, Some("c"), Some("e"), false), Place::Cluster);
        assert_eq!(of(Some("s"), None, Some("e"), true), server("s"));
    }

    #[test]
    fn a_flag_that_has_no_use_at_a_place_is_told() {
        let flags = PlaceFlags {
            api_key_file: Some("a".into()),
            reader_key_file: Some("b".into()),
            allow_weak_sandbox: true,
            ..PlaceFlags::default()
        };
        for (place, idle) in [
            (Place::Server(String::new()), ["--reader-key-file", "--allow-weak-sandbox"]),
            (Place::Cluster, ["--api-key-file", "--allow-weak-sandbox"]),
            (Place::Here, ["--api-key-file", "--reader-key-file"]),
        ] {
            assert_eq!(place.idle(&flags), idle);
            assert!(place.idle(&PlaceFlags::default()).is_empty());
        }
    }
}
