//! Prints the CRDs of Locus as YAML: `make crds` keeps `crds/` in step with the types.

fn main() {
    print!("{}", serde_yaml::to_string(&locus_api::crd()).expect("a CRD serializes"));
}
