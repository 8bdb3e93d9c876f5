//! The API of Judge0 CE 1.13.1. A submission is a run: its token follows from the run's id, what a run has no place for
//! is a note that is kept with it, and what is told of it is made anew of both each time. So any server answers for any
//! submission.
//!
//! Read [`submissions`] first, then [`submission`], [`run`], [`end`] and [`told`].

use axum::Router;
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use crate::answer::Problem;
use crate::app::App;
use crate::clients::admit;

mod access;
mod answer;
mod archive;
mod base64;
mod casts;
mod config;
mod end;
mod fields;
mod info;
mod languages;
mod params;
mod run;
mod status;
mod submission;
mod submissions;
mod told;

pub use access::{HEADERS, key};
pub use told::to_callback;

/// The first parts of all paths.
const NAMES: [&str; 13] = [
    "submissions",
    "languages",
    "statuses",
    "system_info",
    "config_info",
    "isolate",
    "about",
    "version",
    "license",
    "statistics",
    "workers",
    "authenticate",
    "authorize",
];

/// Whether a path is one of the API, also where there is nothing at it.
#[must_use]
pub fn owns(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    path.starts_with('/') && NAMES.contains(&first)
}

/// A problem as Judge0 tells it.
#[must_use]
pub fn told(problem: &Problem) -> Response {
    answer::of_problem(problem)
}

/// All routes, each with and without a slash at its end.
pub fn routes(app: &App) -> Router<App> {
    let routes: [(&str, MethodRouter<App>); 17] = [
        ("/submissions", get(submissions::index).post(submissions::create)),
        ("/submissions/batch", get(submissions::show_batch).post(submissions::create_batch)),
        ("/submissions/{token}", get(submissions::show).delete(submissions::destroy)),
        ("/languages", get(languages::list)),
        ("/languages/all", get(languages::all)),
        ("/languages/{id}", get(languages::show)),
        ("/statuses", get(status::list)),
        ("/system_info", get(info::system_info)),
        ("/config_info", get(config::info)),
        ("/isolate", get(info::isolate)),
        ("/about", get(info::about)),
        ("/version", get(info::version)),
        ("/license", get(info::license)),
        ("/statistics", get(info::statistics)),
        ("/workers", get(info::workers)),
        ("/authenticate", post(access::authenticate)),
        ("/authorize", post(access::authorize)),
    ];
    let all = routes.into_iter().fold(Router::new(), |router, (path, handler)| {
        router.route(path, handler.clone()).route(&format!("{path}/"), handler)
    });
    all.route_layer(middleware::from_fn_with_state(app.clone(), admit))
}

#[cfg(test)]
mod tests {
    use super::owns;

    #[test]
    fn a_path_is_judge0s_by_its_first_part() {
        for path in ["/submissions", "/submissions/", "/submissions/batch", "/about", "/languages/71"] {
            assert!(owns(path), "{path}");
        }
        for path in ["/", "", "/api/v1/languages", "/submission", "/abouts", "submissions"] {
            assert!(!owns(path), "{path}");
        }
    }
}
