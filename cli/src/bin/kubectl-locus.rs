//! `kubectl locus`: the same, and on the cluster of the kubeconfig unless it is told otherwise.

fn main() -> std::process::ExitCode {
    locus_cli::main(true)
}
