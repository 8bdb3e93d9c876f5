//! The pools of the operator's own settings: made when they are missing, changed when the settings have changed. What
//! somebody else changed meanwhile, such as a size, stays as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use locus_api::{Pool, PoolSpec, labels};
use serde_json::json;
use tokio::time::sleep;

use crate::pod::short_digest;
use crate::reconcile::Operator;

/// The time between two attempts.
const RETRY: Duration = Duration::from_secs(5);

/// What to do for the pools of the settings.
#[derive(Debug, PartialEq)]
enum Step {
    Create(Box<Pool>),
    Change(String, serde_json::Value),
    Delete(String),
}

/// Brings the pools in step with the settings, as often as it takes. Until then pools stay as they are, and runs get pods
/// of their own.
pub async fn apply(operator: &Operator) {
    while !try_to(operator).await {
        sleep(RETRY).await;
    }
}

/// Whether all pools are as the settings say.
async fn try_to(operator: &Operator) -> bool {
    let api: Api<Pool> = Api::namespaced(operator.client.clone(), &operator.config.run_namespace);
    let there = match api.list(&ListParams::default()).await {
        Ok(list) => list.items,
        Err(error) => {
            tracing::warn!(%error, "pools can't be listed, those of the settings are not made yet");
            return false;
        }
    };
    let mut done = true;
    for step in steps(&operator.config.pools, &there) {
        let (name, written) = match step {
            Step::Create(pool) => (pool.name_any(), api.create(&PostParams::default(), &pool).await.map(drop)),
            Step::Change(name, patch) => {
                let changed = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
                (name, changed.map(drop))
            }
            Step::Delete(name) => {
                let deleted = api.delete(&name, &DeleteParams::default()).await;
                (name, deleted.map(drop))
            }
        };
        if let Err(error) = written {
            tracing::warn!(pool.name = name, %error, "the pool is not as the settings say yet");
            done = false;
        }
    }
    done
}

fn steps(wanted: &BTreeMap<String, PoolSpec>, there: &[Pool]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, spec) in wanted {
        let digest = digest(spec);
        match there.iter().find(|pool| pool.name_any() == *name) {
            None => {
                let mut pool = Pool::new(name, spec.clone());
                pool.metadata.labels = Some(BTreeMap::from([(labels::MANAGED_BY.into(), labels::OPERATOR.into())]));
                pool.metadata.annotations = Some(BTreeMap::from([(labels::CONFIGURED.into(), digest)]));
                steps.push(Step::Create(Box::new(pool)));
            }
            Some(pool) if is_configured(pool) && pool.annotations().get(labels::CONFIGURED) != Some(&digest) => {
                // A field that the settings do not name any more goes.
                let mut new = json!({"minFree": null, "burst": null, "limits": null, "image": null});
                if let (Some(new), serde_json::Value::Object(spec)) = (new.as_object_mut(), json!(spec)) {
                    new.extend(spec);
                }
                let patch = json!({"metadata": {"annotations": {labels::CONFIGURED: digest}}, "spec": new});
                steps.push(Step::Change(name.clone(), patch));
            }
            Some(_) => {}
        }
    }
    let gone = there.iter().filter(|pool| is_configured(pool) && !wanted.contains_key(&pool.name_any()));
    steps.extend(gone.map(|pool| Step::Delete(pool.name_any())));
    steps
}

/// Whether the operator has made the pool. One of the same name that somebody else made is left alone.
fn is_configured(pool: &Pool) -> bool {
    pool.annotations().contains_key(labels::CONFIGURED)
}

fn digest(spec: &PoolSpec) -> String {
    short_digest(json!(spec).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::ResourceExt as _;
    use locus_api::{Pool, PoolSpec};

    use super::{Step, steps};

    fn spec(size: u32) -> PoolSpec {
        PoolSpec { language: "python".into(), size, ..PoolSpec::default() }
    }

    fn made(size: u32) -> Pool {
        let wanted = BTreeMap::from([("python".to_owned(), spec(size))]);
        match steps(&wanted, &[]).pop() {
            Some(Step::Create(pool)) => *pool,
            other => panic!("it is made: {other:?}"),
        }
    }

    #[test]
    fn a_pool_is_made_once_and_what_others_change_in_it_stays() {
        let wanted = BTreeMap::from([("python".to_owned(), spec(2))]);
        let mut pool = made(2);
        assert_eq!((pool.name_any().as_str(), pool.spec.size), ("python", 2));
        pool.spec.size = 7;
        assert_eq!(steps(&wanted, &[pool]), []);
        let foreign = Pool::new("python", spec(9));
        assert_eq!(steps(&wanted, std::slice::from_ref(&foreign)), []);
        assert_eq!(steps(&BTreeMap::new(), &[foreign]), []);
    }

    #[test]
    fn other_settings_change_it_and_settings_without_it_take_it_away() {
        let pool = made(2);
        let wanted = BTreeMap::from([("python".to_owned(), spec(3))]);
        let Some(Step::Change(_, patch)) = steps(&wanted, std::slice::from_ref(&pool)).pop() else {
            panic!("it changes")
        };
        assert_eq!((&patch["spec"]["size"], &patch["spec"]["burst"]), (&3.into(), &serde_json::Value::Null));
        assert_eq!(steps(&BTreeMap::new(), &[pool]), [Step::Delete("python".into())]);
    }
}
