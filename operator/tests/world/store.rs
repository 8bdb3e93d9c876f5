//! What an API server keeps: objects of any kind, their versions, and every change that there ever was.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use k8s_openapi::jiff::SignedDuration;
use locus_operator::reconcile::Clock;
use serde_json::{Map, Value, json};

use super::merge::merge;
use super::selector::Selector;
use super::shared::Shared;
use super::trace::Trace;

/// An object, and its JSON as it is sent to everyone who asks.
#[derive(Debug)]
pub struct Stored {
    value: Value,
    pub json: String,
}

pub type Object = Arc<Stored>;

impl Deref for Stored {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// The seconds that a pod has to end in, where nobody says otherwise.
const GRACE: i64 = 30;

/// Where an object is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub plural: String,
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(plural: &str, namespace: &str, name: &str) -> Self {
        Self { plural: plural.into(), namespace: namespace.into(), name: name.into() }
    }
}

/// A change of one object; its version is its place in the log, counted from one.
#[derive(Debug, Clone)]
pub struct Change {
    pub key: Key,
    pub by: String,
    pub before: Option<Object>,
    pub now: Object,
    pub deleted: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { plural, namespace, name } = &self.key;
        let (metadata, status) = (&self.now["metadata"], &self.now["status"]);
        if plural == "events" {
            // Its name holds the real time.
            return write!(f, "{:>14} {plural}/{namespace}: {}", self.by, self.now["reason"]);
        }
        write!(
            f,
            "{:>14} {plural}/{namespace}/{name} ({} at {})",
            self.by, metadata["uid"], metadata["resourceVersion"]
        )?;
        match (&self.before, self.deleted) {
            (_, true) => f.write_str(" is gone")?,
            (None, _) => f.write_str(" is new")?,
            _ if !metadata["deletionTimestamp"].is_null() => f.write_str(" is leaving")?,
            _ => {}
        }
        for field in ["phase", "outcome", "podUID"] {
            if let Some(value) = status[field].as_str() {
                write!(f, " {field}={value}")?;
            }
        }
        Ok(())
    }
}

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }

    pub fn status(&self) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "code": self.code, "reason": self.reason, "message": self.message})
    }
}

pub struct Store {
    content: Shared<Content>,
    clock: Clock,
    trace: Arc<Trace>,
}

#[derive(Default)]
struct Content {
    objects: BTreeMap<Key, Object>,
    log: Vec<Change>,
    /// Watches can't begin before this version.
    oldest: u64,
    /// How many objects there have been of each key: UIDs are made of it.
    made: HashMap<Key, u64>,
    /// Changes that a rule of the object's kind forbids.
    forbidden: Vec<String>,
}

impl Content {
    fn find(&self, key: &Key) -> Result<Object, Refusal> {
        let missing = || Refusal::new(404, "NotFound", format!("{} {:?} not found", key.plural, key.name));
        self.objects.get(key).cloned().ok_or_else(missing)
    }

    /// Writes a change down, with the object's new version in it.
    fn commit(&mut self, by: &str, key: &Key, mut object: Value, deleted: bool) -> Object {
        object["metadata"]["resourceVersion"] = json!((self.log.len() + 1).to_string());
        let json = serde_json::to_string(&object).expect("an object serializes");
        let now = Arc::new(Stored { value: object, json });
        let before = self.objects.remove(key);
        if !deleted {
            self.objects.insert(key.clone(), now.clone());
        }
        self.log.push(Change { key: key.clone(), by: by.into(), before, now: now.clone(), deleted });
        now
    }
}

impl Store {
    pub fn new(clock: Clock, trace: Arc<Trace>) -> Self {
        Self { content: Shared::default(), clock, trace }
    }

    /// Changes the content, and writes down how.
    fn write<T>(&self, write: impl FnOnce(&mut Content) -> T) -> T {
        self.content.change(|content| {
            let known = content.log.len();
            let answer = write(content);
            content.log[known..].iter().for_each(|change| self.trace.note(|| change.to_string()));
            answer
        })
    }

    pub fn create(&self, by: &str, plural: &str, namespace: &str, mut object: Value) -> Result<Object, Refusal> {
        self.write(|content| {
            let made = content.log.len() + 1;
            if object["metadata"]["name"].is_null() {
                let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default();
                object["metadata"]["name"] = json!(format!("{prefix}{made:05}"));
            }
            let key = Key::new(plural, namespace, object["metadata"]["name"].as_str().unwrap_or_default());
            if content.objects.contains_key(&key) {
                return Err(Refusal::new(409, "AlreadyExists", format!("{plural} {:?} already exists", key.name)));
            }
            let count = content.made.entry(key.clone()).or_default();
            *count += 1;
            let metadata = &mut object["metadata"];
            if !namespace.is_empty() {
                metadata["namespace"] = json!(namespace);
            }
            metadata["uid"] = json!(format!("{namespace}.{}.{count}", key.name));
            metadata["creationTimestamp"] = json!(self.seconds_from_now(0));
            metadata["generation"] = json!(1);
            if matches!(plural, "coderuns" | "pods") {
                object["status"] = json!({"phase": "Pending"});
            }
            Ok(content.commit(by, &key, object, false))
        })
    }

    pub fn get(&self, key: &Key) -> Result<Object, Refusal> {
        self.content.read(|content| content.find(key))
    }

    /// The objects of a kind, and the version that they are of.
    pub fn list(&self, plural: &str, namespace: Option<&str>, selector: &Selector) -> (Vec<Object>, u64) {
        let wanted = |key: &Key| key.plural == plural && namespace.is_none_or(|namespace| key.namespace == namespace);
        self.content.read(|content| {
            let objects = content.objects.iter().filter(|(key, object)| wanted(key) && selector.matches(object));
            (objects.map(|(_, object)| object.clone()).collect(), content.log.len() as u64)
        })
    }

    /// Changes an object. A change that changes nothing is none.
    pub fn change(&self, by: &str, key: &Key, edit: impl FnOnce(&mut Value)) -> Result<Object, Refusal> {
        self.write(|content| {
            let before = content.find(key)?;
            let mut object = before.value.clone();
            edit(&mut object);
            if object == before.value {
                return Ok(before);
            }
            if object["spec"] != before["spec"] {
                object["metadata"]["generation"] = json!(before["metadata"]["generation"].as_u64().unwrap_or(0) + 1);
            }
            if let Some(message) = forbidden(key, &before, &object) {
                content.forbidden.push(format!("{by} on {}/{}: {message}", key.namespace, key.name));
                return Err(Refusal::new(422, "Invalid", message));
            }
            Ok(content.commit(by, key, object, false))
        })
    }

    /// A merge patch of an object or of its status.
    pub fn patch(&self, by: &str, key: &Key, status: bool, patch: &Value) -> Result<Object, Refusal> {
        require(&patch["metadata"], &*self.get(key)?)?;
        self.change(by, key, |object| {
            let mut patched = object.clone();
            merge(&mut patched, patch);
            if status {
                object["status"] = patched["status"].take();
            } else {
                let old = std::mem::replace(object, patched);
                for field in ["resourceVersion", "uid", "creationTimestamp", "generation", "deletionTimestamp"] {
                    restore(&mut object["metadata"], &old["metadata"], field);
                }
                restore(object, &old, "status");
            }
        })
    }

    /// Deletes an object as an API server does: a pod that has a node has time to end.
    pub fn delete(&self, by: &str, key: &Key, options: &Value) -> Result<Object, Refusal> {
        let object = self.get(key)?;
        require(&options["preconditions"], &object)?;
        let asked = options["gracePeriodSeconds"].as_i64();
        let grace = asked.or(object["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(GRACE);
        let over = matches!(object["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
        if key.plural != "pods" || grace == 0 || over || object["spec"]["nodeName"].is_null() {
            return self.remove(by, key);
        }
        self.change(by, key, |object| {
            if object["metadata"]["deletionTimestamp"].is_null() {
                object["metadata"]["deletionTimestamp"] = json!(self.seconds_from_now(grace));
                object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            }
        })
    }

    /// Takes an object away at once.
    pub fn remove(&self, by: &str, key: &Key) -> Result<Object, Refusal> {
        self.write(|content| {
            let object = content.find(key)?.value.clone();
            Ok(content.commit(by, key, object, true))
        })
    }

    /// The changes after a version; none when it is too old to know them all.
    pub fn changes_after(&self, version: u64) -> Option<Vec<Change>> {
        let forgotten = self.content.read(|content| version < content.oldest);
        (!forgotten).then(|| self.history(version))
    }

    /// Every change that there was after a version, forgotten or not.
    pub fn history(&self, version: u64) -> Vec<Change> {
        let from = usize::try_from(version).unwrap_or(usize::MAX);
        self.content.read(|content| content.log.get(from..).unwrap_or_default().to_vec())
    }

    pub fn forbidden(&self) -> Vec<String> {
        self.content.read(|content| content.forbidden.clone())
    }

    /// Forgets what came before now: watches that fell behind have to list again.
    pub fn compact(&self) {
        self.content.change(|content| content.oldest = content.log.len() as u64);
    }

    /// Waits until there is a change after this version.
    pub async fn changed_after(&self, version: u64) {
        self.content.until(|content| content.log.len() as u64 > version).await;
    }

    /// Waits until an object, or its absence, is as wanted.
    pub async fn wait_for(&self, key: &Key, is_wanted: impl Fn(Option<&Value>) -> bool) {
        self.content.until(|content| is_wanted(content.objects.get(key).map(|object| &object.value))).await;
    }

    fn seconds_from_now(&self, seconds: i64) -> String {
        let now = (self.clock)();
        let whole = k8s_openapi::jiff::Timestamp::from_second(now.as_second()).expect("a time");
        (whole + SignedDuration::from_secs(seconds)).to_string()
    }
}

/// The preconditions that a request names.
fn require(wanted: &Value, object: &Value) -> Result<(), Refusal> {
    for field in ["uid", "resourceVersion"] {
        if !wanted[field].is_null() && wanted[field] != object["metadata"][field] {
            let message = format!("the object has another {field}: {}", object["metadata"][field]);
            return Err(Refusal::new(409, "Conflict", message));
        }
    }
    Ok(())
}

/// What the CRD's rules say to a change.
fn forbidden(key: &Key, before: &Value, now: &Value) -> Option<&'static str> {
    let (old, new) = (&before["status"]["outcome"], &now["status"]["outcome"]);
    (key.plural == "coderuns" && !old.is_null() && old != new).then_some("a finished CodeRun keeps its outcome")
}

fn restore(object: &mut Value, old: &Value, field: &str) {
    let fields: &mut Map<String, Value> = object.as_object_mut().expect("an object");
    match old.get(field) {
        Some(value) => drop(fields.insert(field.into(), value.clone())),
        None => drop(fields.remove(field)),
    }
}
