//! Labels and annotations that tie a run's pod to its CodeRun, which stands in another namespace.

/// The UID of the pod's CodeRun.
pub const CODERUN_UID: &str = "locus.dev/coderun-uid";
/// The namespace of the pod's CodeRun.
pub const CODERUN_NAMESPACE: &str = "locus.dev/coderun-namespace";
/// The name of the pod's CodeRun, as an annotation: a name may be longer than a label's value.
pub const CODERUN_NAME: &str = "locus.dev/coderun-name";
/// The public key that the pod was given, as an annotation.
pub const PUBLIC_KEY: &str = "locus.dev/public-key";
/// The public keys of readers that the pod was given, as an annotation.
pub const READER_KEYS: &str = "locus.dev/reader-keys";
/// Marks the CodeRuns that the front door makes for its own requests; the value is `true`.
pub const FRONT_DOOR: &str = "locus.dev/front-door";
/// Kubernetes' own label for who manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] on run pods.
pub const OPERATOR: &str = "locus-operator";
/// Kubernetes' own label for an object's role.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The value of [`COMPONENT`] on run pods.
pub const RUNNER: &str = "runner";
/// The name of the Pool that a waiting pod was made for.
pub const POOL: &str = "locus.dev/pool";
/// What the pod was made from, shortened: a waiting pod with another value is replaced.
pub const TEMPLATE: &str = "locus.dev/template";
/// On a CodeRun, whoever of its namespace's users it is for: runs are taken in turn among them.
pub const CLIENT: &str = "locus.dev/client";
/// On a Language or Pool that the operator has made, what its settings said of it, shortened.
pub const CONFIGURED: &str = "locus.dev/configured";
/// The URL that is sent the run once it has ended, as an annotation on its CodeRun: it is none of the operator's business.
pub const CALLBACK: &str = "locus.dev/callback";
/// The SHA-256 of the request that a CodeRun was made from, in hex, as an annotation: how the front door tells a request that
/// comes again from another one under the same key.
pub const DIGEST: &str = "locus.dev/request-digest";
/// What whoever made a CodeRun keeps with it, as an annotation: a text that nobody else reads.
pub const NOTE: &str = "locus.dev/note";
