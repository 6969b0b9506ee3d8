//! Every operation against the processor.

use crate::emulated::{ORDERS, worker};
use serde_json::Value;
use std::process::Command;

#[test]
fn every_operation_gives_what_the_processor_gives_whatever_order_streams_are_worked_off_in() {
    let Some(worker) = worker() else { return };
    for order in ORDERS {
        let mut command = Command::new(&worker);
        command.args(["check", "parity", "0"]);
        command.env("SIGMALAB_EMULATED_DEVICE", format!("order={order}"));
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let findings: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(output.status.success() && findings.len() > 40, "{order}: {text}");
        for finding in findings {
            assert_eq!(finding["passed"], true, "order {order}: {finding}");
        }
    }
}
