//! Writes the CRDs of Locus as YAML into folders: `make crds` keeps `crds/` in step with the types.

fn main() -> std::io::Result<()> {
    for folder in std::env::args().skip(1) {
        for crd in locus_api::crds() {
            let name = crd.metadata.name.as_deref().expect("a CRD has a name");
            let yaml = serde_yaml::to_string(&crd).expect("a CRD serializes");
            std::fs::write(format!("{folder}/{name}.yaml"), yaml)?;
        }
    }
    Ok(())
}
