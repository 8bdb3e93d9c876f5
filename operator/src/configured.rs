//! The languages and pools of the operator's own settings: made when they are missing, changed when the settings have
//! changed. What somebody else changed meanwhile, such as a pool's size, stays as it is.

use std::fmt::Debug;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt as _};
use locus_api::{Language, LanguageSpec, Pool, labels};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::config::Config;
use crate::pod::short_digest;
use crate::reconcile::Operator;

/// The time between two attempts.
const RETRY: Duration = Duration::from_secs(5);

/// What to do for the objects of the settings.
#[derive(Debug, PartialEq)]
enum Step<K> {
    Create(Box<K>),
    Change(String, Value),
    Delete(String),
}

/// Brings the languages in step with the settings, as often as it takes.
pub async fn apply_languages(operator: &Operator) {
    let names = operator.config.images.keys();
    for name in names.filter(|name| !locus_languages::all().iter().any(|known| known.object_name() == **name)) {
        tracing::warn!(
            language.name = name,
            "the settings have an image for a language that this version does not know: apply a Language that says how \
             its programs run"
        );
    }
    apply(operator, &Api::all(operator.client.clone()), "languages", &languages(&operator.config)).await;
}

/// Brings the pools in step with the settings, as often as it takes. Until then pools stay as they are, and runs get pods
/// of their own.
pub async fn apply_pools(operator: &Operator) {
    let pools: Vec<Pool> = operator.config.pools.iter().map(|(name, spec)| Pool::new(name, spec.clone())).collect();
    apply(operator, &namespaced(operator), "pools", &pools).await;
}

/// The languages of the settings.
#[must_use]
pub fn languages(config: &Config) -> Vec<Language> {
    let known = locus_languages::all().iter();
    let served = known.filter_map(|language| Some((language, config.images.get(&language.object_name())?)));
    served
        .map(|(language, image)| Language::new(&language.object_name(), LanguageSpec::of(language, image.clone())))
        .collect()
}

/// Whether the operator has made an object. One of the same name that somebody else made is left alone.
pub fn is_configured(object: &impl Resource) -> bool {
    object.annotations().contains_key(labels::CONFIGURED)
}

fn namespaced<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(operator: &Operator) -> Api<K> {
    Api::namespaced(operator.client.clone(), &operator.config.run_namespace)
}

async fn apply<K>(operator: &Operator, api: &Api<K>, plural: &'static str, wanted: &[K])
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    while !try_to_apply(operator, api, plural, wanted).await {
        sleep(RETRY).await;
    }
}

/// Whether all objects are as the settings say, or never will be.
async fn try_to_apply<K>(operator: &Operator, api: &Api<K>, plural: &'static str, wanted: &[K]) -> bool
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let there = match api.list(&ListParams::default()).await {
        Ok(list) => list.items,
        Err(error) => {
            tracing::warn!(%error, "{plural} can't be listed, those of the settings are not made yet");
            return false;
        }
    };
    let mut done = true;
    for step in steps(wanted, &there) {
        let (name, verb, written) = match step {
            Step::Create(object) => {
                (object.name_any(), "create", api.create(&PostParams::default(), &object).await.map(drop))
            }
            Step::Change(name, patch) => {
                let changed = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
                (name, "patch", changed.map(drop))
            }
            Step::Delete(name) => {
                let deleted = api.delete(&name, &DeleteParams::default()).await;
                (name, "delete", deleted.map(drop))
            }
        };
        operator.metrics.write(plural, verb);
        if let Err(error) = written {
            tracing::warn!(object.name = name, %error, "one of the {plural} is not as the settings say");
            // What is refused for what it says is refused again.
            done &= matches!(&error, kube::Error::Api(answer) if matches!(answer.code, 400 | 422));
        }
    }
    done
}

fn steps<K: Resource<DynamicType = ()> + Clone + Serialize>(wanted: &[K], there: &[K]) -> Vec<Step<K>> {
    let mut steps = Vec::new();
    for object in wanted {
        let (name, spec) = (object.name_any(), spec(object));
        let digest = short_digest(spec.to_string().as_bytes());
        match there.iter().find(|other| other.name_any() == name) {
            None => {
                let mut object = object.clone();
                object.labels_mut().insert(labels::MANAGED_BY.into(), labels::OPERATOR.into());
                object.annotations_mut().insert(labels::CONFIGURED.into(), digest);
                steps.push(Step::Create(Box::new(object)));
            }
            Some(old) if is_configured(old) && old.annotations().get(labels::CONFIGURED) != Some(&digest) => {
                let spec = difference(&self::spec(old), &spec);
                let patch = json!({"metadata": {"annotations": {labels::CONFIGURED: digest}}, "spec": spec});
                steps.push(Step::Change(name, patch));
            }
            Some(_) => {}
        }
    }
    let is_wanted = |name: &str| wanted.iter().any(|object| object.name_any() == name);
    let gone = there.iter().filter(|object| is_configured(*object) && !is_wanted(&object.name_any()));
    steps.extend(gone.map(|object| Step::Delete(object.name_any())));
    steps
}

fn spec(object: &impl Serialize) -> Value {
    json!(object)["spec"].take()
}

/// The merge patch that makes one value of another: what is not there any more has to be named to go.
fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return new.clone() };
    let mut patch: Map<String, Value> = old.keys().map(|name| (name.clone(), Value::Null)).collect();
    for (name, value) in new {
        patch.insert(name.clone(), difference(old.get(name).unwrap_or(&Value::Null), value));
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt as _;
    use locus_api::{Catalogue, Language, Pool, PoolSpec, labels};
    use serde_json::{Value, json};

    use super::{Step, difference, languages, steps};
    use crate::config::Config;

    fn pool(size: u32) -> Pool {
        Pool::new("python", PoolSpec { language: "python".into(), size, ..PoolSpec::default() })
    }

    fn made<K>(mut steps: Vec<Step<K>>) -> K {
        match steps.pop() {
            Some(Step::Create(object)) => *object,
            _ => panic!("it is made"),
        }
    }

    #[test]
    fn a_pool_is_made_once_and_what_others_change_in_it_stays() {
        let wanted = [pool(2)];
        let mut made = made(steps(&wanted, &[]));
        assert_eq!((made.name_any().as_str(), made.spec.size), ("python", 2));
        made.spec.size = 7;
        assert_eq!(steps(&wanted, &[made]), []);
        let foreign = [pool(9)];
        assert_eq!(steps(&wanted, &foreign), []);
        assert_eq!(steps(&[], &foreign), []);
    }

    #[test]
    fn other_settings_change_it_and_settings_without_it_take_it_away() {
        let mut pool = pool(2);
        pool.spec.burst = Some(3);
        let there = [made(steps(&[pool], &[]))];
        let wanted = [self::pool(3)];
        let Some(Step::Change(_, patch)) = steps(&wanted, &there).pop() else { panic!("it changes") };
        assert_eq!((&patch["spec"]["size"], &patch["spec"]["burst"]), (&json!(3), &Value::Null));
        assert_eq!(steps(&[], &there), [Step::Delete("python".into())]);
    }

    #[test]
    fn the_languages_of_the_settings_are_those_with_an_image_and_a_known_way_to_run() {
        let mut config = Config::default();
        assert_eq!(languages(&config).len(), locus_languages::all().len());
        config.images = [("python", "mine:1"), ("klingon", "theirs:1")]
            .map(|(name, image)| (name.to_owned(), image.to_owned()))
            .into();
        let wanted = languages(&config);
        let catalogue = Catalogue::of(&wanted);
        let [served] = catalogue.served() else { panic!("there is one: {catalogue:?}") };
        assert_eq!((served.object.as_str(), served.image.as_str()), ("python", "mine:1"));
        let there = [made(steps(&wanted, &[]))];
        assert_eq!(steps(&wanted, &there), []);
        config.images.insert("python".into(), "mine:2".into());
        let Some(Step::Change(name, patch)) = steps(&languages(&config), &there).pop() else { panic!("it changes") };
        assert_eq!((name.as_str(), &patch["spec"]["image"]), ("python", &json!("mine:2")));
        let mut users: Language = there[0].clone();
        users.annotations_mut().remove(labels::CONFIGURED);
        assert_eq!(steps(&languages(&config), &[users]), []);
    }

    #[test]
    fn a_difference_names_what_goes_however_deep_it_lies() {
        let old = json!({"a": 1, "limits": {"processes": 3, "memory": "1Gi"}, "list": [1], "gone": {"x": 1}});
        let new = json!({"a": 2, "limits": {"memory": "1Gi"}, "list": [], "new": {"y": 1}});
        let patch = json!({"a": 2, "limits": {"processes": null, "memory": "1Gi"}, "list": [], "gone": null,
            "new": {"y": 1}});
        assert_eq!(difference(&old, &new), patch);
    }
}
