//! The scheduler and the kubelets: pods that are created get a node, an address and a runner; pods that are
//! deleted end.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::World;
use super::dice::{happens, millis, mostly_short};
use super::runner::Runner;
use super::store::{Change, Key};

/// Looks after all pods for ever.
pub async fn run(world: Arc<World>) {
    let mut version = 0;
    loop {
        for change in world.store.history(version) {
            version += 1;
            if change.key.plural == "pods" && change.before.is_none() {
                tokio::spawn(Node::of(world.clone(), &change).look_after());
            }
        }
        world.store.changed_after(version).await;
    }
}

/// What one node knows of one pod.
struct Node {
    world: Arc<World>,
    key: Key,
    uid: String,
    public_keys: String,
    /// The time that the pod may live.
    deadline: Duration,
    rng: Rng,
}

impl Node {
    fn of(world: Arc<World>, created: &Change) -> Self {
        let pod = &created.now;
        let uid = pod["metadata"]["uid"].as_str().expect("a uid").to_owned();
        Self {
            rng: world.dice.roll(&format!("node of {uid}")),
            key: created.key.clone(),
            public_keys: pod["metadata"]["annotations"]["locus.dev/public-key"].as_str().unwrap_or_default().into(),
            deadline: Duration::from_secs(pod["spec"]["activeDeadlineSeconds"].as_u64().unwrap_or(u64::MAX >> 20)),
            world,
            uid,
        }
    }

    async fn look_after(mut self) {
        let slow = happens(&mut self.rng, self.world.odds().node);
        let most = if slow { Duration::from_secs(60) } else { Duration::from_secs(6) };
        sleep(mostly_short(&mut self.rng, most)).await;
        if !self.update(|pod| pod["spec"]["nodeName"] = json!("node")) {
            return;
        }
        if happens(&mut self.rng, self.world.odds().node / 3.0) {
            self.world.harm(&self.uid, "its image can't be pulled");
            self.update(|pod| pod["status"] = waiting("ImagePullBackOff"));
        } else {
            let start = mostly_short(&mut self.rng, most);
            tokio::select! {
                biased;
                () = self.leaving() => {}
                () = sleep(start) => self.run_container().await,
            }
        }
        self.leaving().await;
        self.world.store.wait_for(&self.key, |pod| self.is_other(pod) || is_leaving(pod)).await;
        sleep(millis(&mut self.rng, 10..1000)).await;
        if self.is_there() {
            let _ = self.world.store.remove("kubelet", &self.key);
        }
    }

    /// Runs the pod's container until it has ended or the pod is gone.
    async fn run_container(&mut self) {
        let ip = self.world.next_address();
        let runner = Runner::new(self.world.clone(), &self.uid, &self.public_keys);
        self.world.runners.add(&ip, runner.clone());
        self.update(|pod| pod["status"] = running(&ip));
        let lost = happens(&mut self.rng, self.world.odds().node / 3.0);
        let lost = if lost { millis(&mut self.rng, 0..40_000) } else { Duration::MAX };
        tokio::select! {
            biased;
            () = self.leaving() => self.end_container(&runner).await,
            () = runner.left() => drop(self.update(|pod| pod["status"] = ended("Succeeded", 0, "Completed"))),
            () = sleep(lost) => {
                self.world.harm(&self.uid, "its container was lost");
                runner.kill();
                let (exit, reason) = if self.rng.bool() { (137, "OOMKilled") } else { (1, "Error") };
                self.update(|pod| pod["status"] = ended("Failed", exit, reason));
            }
            () = sleep(self.deadline) => {
                runner.kill();
                self.update(|pod| {
                    pod["status"] = ended("Failed", 137, "Error");
                    pod["status"]["reason"] = json!("DeadlineExceeded");
                });
            }
        }
    }

    /// The pod is to end, or was taken away: then the node may not have heard of it for a while.
    async fn end_container(&mut self, runner: &Runner) {
        if !self.is_there() {
            sleep(millis(&mut self.rng, 0..60_000)).await;
            return runner.kill();
        }
        sleep(millis(&mut self.rng, 1..500)).await;
        runner.terminate();
        tokio::select! {
            biased;
            () = runner.down() => {}
            () = sleep(Duration::from_secs(1)) => runner.kill(),
        }
    }

    /// Waits until the pod is being deleted, has ended, or is gone.
    async fn leaving(&self) {
        self.world.store.wait_for(&self.key, |pod| self.is_other(pod) || is_leaving(pod) || has_ended(pod)).await;
    }

    fn is_other(&self, pod: Option<&Value>) -> bool {
        pod.is_none_or(|pod| pod["metadata"]["uid"] != self.uid.as_str())
    }

    fn is_there(&self) -> bool {
        !self.is_other(self.world.store.get(&self.key).ok().as_ref().map(|pod| &***pod))
    }

    /// Changes the pod, if it is still there.
    fn update(&self, edit: impl FnOnce(&mut Value)) -> bool {
        self.is_there() && self.world.store.change("kubelet", &self.key, edit).is_ok()
    }
}

fn is_leaving(pod: Option<&Value>) -> bool {
    pod.is_some_and(|pod| !pod["metadata"]["deletionTimestamp"].is_null())
}

fn has_ended(pod: Option<&Value>) -> bool {
    pod.is_some_and(|pod| pod["status"]["phase"] == "Failed" || pod["status"]["phase"] == "Succeeded")
}

fn waiting(reason: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": "no such image"}});
    json!({"phase": "Pending", "containerStatuses": [container(&state)]})
}

fn running(ip: &str) -> Value {
    let state = json!({"running": {}});
    json!({"phase": "Running", "podIP": ip, "containerStatuses": [container(&state)]})
}

fn ended(phase: &str, exit: i32, reason: &str) -> Value {
    let state = json!({"terminated": {"exitCode": exit, "reason": reason}});
    json!({"phase": phase, "containerStatuses": [container(&state)]})
}

fn container(state: &Value) -> Value {
    json!({"name": "runner", "image": "image", "imageID": "", "ready": false, "restartCount": 0, "state": state})
}
