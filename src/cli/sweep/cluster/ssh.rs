//! The lines by which the user's own ssh starts a worker on each host. Text from values; it starts
//! nothing.

use super::{Job, line};

/// What is started where.
pub(super) fn lines(job: &Job) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for host in &job.settings.hosts {
        let gpus: usize = job.settings.gpu_count().and_then(|gpus| gpus.parse().ok()).unwrap_or(0);
        for device in 0..gpus.max(1) {
            // A worker uses one device; each is given its own.
            let own = (gpus > 0).then(|| format!("export CUDA_VISIBLE_DEVICES={device}"));
            let mut commands: Vec<String> = own.into_iter().collect();
            commands.extend(job.settings.setup.iter().cloned());
            let mut command = job.command();
            command.push("--detach".to_owned());
            commands.push(format!("exec {}", line(&command)));
            let mut ssh = ["ssh", "-o", "BatchMode=yes"].map(str::to_owned).to_vec();
            ssh.extend(job.own.iter().cloned());
            ssh.extend([host.clone(), format!("/bin/sh -c {}", line(&[commands.join("\n")]))]);
            all.push((host.clone(), ssh));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;

    #[test]
    fn each_host_gets_a_worker_or_one_for_each_gpu() {
        let hosts = vec!["a".to_owned(), "b".to_owned()];
        let mut job = Job {
            name: "small".to_owned(),
            directory: "/data/small".into(),
            program: "/opt/sigmalab".into(),
            flags: Vec::new(),
            settings: Settings { hosts, ..Settings::default() },
            own: vec!["-J".to_owned(), "gate".to_owned()],
        };
        let all = lines(&job);
        assert_eq!(all.len(), 2);
        let first = all.first().map(|(_, ssh)| line(ssh)).unwrap_or_default();
        assert!(first.starts_with("ssh -o BatchMode=yes -J gate a '/bin/sh -c "), "{first}");
        assert!(first.contains("exec /opt/sigmalab sweep run /data/small --worker --detach"));
        job.settings.gpus = Some("2".to_owned());
        let all = lines(&job);
        assert_eq!(all.len(), 4);
        assert!(all.iter().any(|(_, ssh)| line(ssh).contains("CUDA_VISIBLE_DEVICES=1")));
    }
}
