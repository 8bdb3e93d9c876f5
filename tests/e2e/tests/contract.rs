//! The front door on the cluster, held to what every server must do.

use libtest_mimic::Arguments;
use locus_contract::{Base, recorded};
use locus_e2e::{cluster, web};

fn main() {
    let arguments = Arguments::from_args();
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let url = runtime.block_on(async {
        let client = cluster::client().await;
        format!("http://{}", web::open_front_door(&client).await)
    });
    let base = Base { url, key: None };
    let mut trials = locus_contract::trials(&base);
    trials.extend(recorded::trials(&base, locus_contract::PISTON, "piston"));
    trials.extend(recorded::trials(&base, locus_contract::JUDGE0, "judge0"));
    libtest_mimic::run(&arguments, trials).exit();
}
