//! The committed YAML is what the types say.

use std::fs;
use std::path::Path;

#[test]
fn the_committed_crds_are_generated_from_the_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for crd in locus_api::crds() {
        let name = crd.metadata.name.as_deref().expect("a CRD has a name");
        let generated = serde_yaml::to_string(&crd).expect("a CRD serializes");
        for copy in ["crds", "charts/locus/files/crds"] {
            let path = root.join(copy).join(format!("{name}.yaml"));
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == generated, "{} is not what the types say: run `make crds`", path.display());
        }
    }
}
