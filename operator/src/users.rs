//! A user id of its own for each live pod: the kernel counts processes per user, so that a limit on them holds
//! for one run alone.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::runtime::reflector::Store;
use tokio::time::Instant;

use crate::config::UidRange;

/// The time within which the watch shows a pod that was made.
const UNSEEN: Duration = Duration::from_secs(60);

/// User ids given out lately, which the watch may not show yet.
#[derive(Default)]
pub struct Users(Mutex<HashMap<String, (i64, Instant)>>);

impl Users {
    /// A user id that no live pod has; the same pod gets the same one again.
    #[must_use]
    pub fn assign(&self, pod_name: &str, range: &UidRange, pods: &Store<Pod>) -> i64 {
        let live = pods.state().into_iter().filter(|pod| pod.name_any() != pod_name);
        let used = live.filter_map(|pod| pod.spec.as_ref()?.security_context.as_ref()?.run_as_user).collect();
        self.choose(pod_name, range, used)
    }

    fn choose(&self, pod_name: &str, range: &UidRange, mut taken: HashSet<i64>) -> i64 {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|_, (_, since)| since.elapsed() < UNSEEN);
        if let Some((user, _)) = given.get(pod_name) {
            return *user;
        }
        taken.extend(given.values().map(|(user, _)| *user));
        let mut hasher = DefaultHasher::new();
        pod_name.hash(&mut hasher);
        let count = range.count.max(1);
        let start = i64::try_from(hasher.finish() >> 1).unwrap_or(0) % count;
        let candidates = (0..count).map(|offset| range.first + (start + offset) % count);
        // With every id in use, two pods share one: their process limits then count together.
        let user = candidates.clone().find(|user| !taken.contains(user)).unwrap_or(range.first + start);
        given.insert(pod_name.to_owned(), (user, Instant::now()));
        user
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Users;
    use crate::config::UidRange;

    #[test]
    fn pods_have_different_users_and_keep_them() {
        let range = UidRange { first: 1000, count: 4 };
        let users = Users::default();
        let used = HashSet::from([1000]);
        let given: Vec<i64> = ["a", "b", "c"].map(|pod| users.choose(pod, &range, used.clone())).into();
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), 3);
        assert!(given.iter().all(|user| (1001..1004).contains(user)));
        assert_eq!(users.choose("a", &range, used), given[0]);
    }
}
