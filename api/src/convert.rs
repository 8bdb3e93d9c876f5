//! Between the Kubernetes types and the run contract.

use locus_core::{Encoding, Limits, LimitsRequest, RunRequest, SourceFile, Usage};

use crate::{CodeRunSpec, EffectiveLimits, EnvVar, File, FileEncoding, RequestedLimits, UsageStatus, memory_bytes};

impl From<&CodeRunSpec> for RunRequest {
    fn from(spec: &CodeRunSpec) -> Self {
        Self {
            language: spec.language.clone(),
            code: spec.code.clone(),
            files: spec.files.iter().flatten().map(SourceFile::from).collect(),
            stdin: spec.stdin.clone().unwrap_or_default(),
            args: spec.args.clone().unwrap_or_default(),
            env: spec.env.iter().flatten().map(locus_core::EnvVar::from).collect(),
            compile_args: spec.compile_args.clone().unwrap_or_default(),
            limits: spec.limits.as_ref().map(LimitsRequest::from).unwrap_or_default(),
        }
    }
}

impl From<RunRequest> for CodeRunSpec {
    fn from(request: RunRequest) -> Self {
        Self {
            language: request.language,
            code: request.code,
            files: some(request.files.into_iter().map(File::from).collect()),
            stdin: Some(request.stdin).filter(|stdin| !stdin.is_empty()),
            args: some(request.args),
            env: some(request.env.into_iter().map(EnvVar::from).collect()),
            compile_args: some(request.compile_args),
            limits: Some(request.limits).filter(|limits| *limits != LimitsRequest::default()).map(From::from),
            cancel_requested: None,
            ttl_seconds_after_finished: None,
        }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

impl From<&File> for SourceFile {
    fn from(file: &File) -> Self {
        let encoding = match file.encoding.unwrap_or_default() {
            FileEncoding::Utf8 => Encoding::Utf8,
            FileEncoding::Base64 => Encoding::Base64,
        };
        Self { name: file.name.clone(), content: file.content.clone(), encoding }
    }
}

impl From<SourceFile> for File {
    fn from(file: SourceFile) -> Self {
        let encoding = match file.encoding {
            Encoding::Utf8 => None,
            Encoding::Base64 => Some(FileEncoding::Base64),
        };
        Self { name: file.name, content: file.content, encoding }
    }
}

impl From<&EnvVar> for locus_core::EnvVar {
    fn from(variable: &EnvVar) -> Self {
        Self { name: variable.name.clone(), value: variable.value.clone() }
    }
}

impl From<locus_core::EnvVar> for EnvVar {
    fn from(variable: locus_core::EnvVar) -> Self {
        Self { name: variable.name, value: variable.value }
    }
}

impl From<&RequestedLimits> for LimitsRequest {
    fn from(limits: &RequestedLimits) -> Self {
        Self {
            timeout_seconds: limits.timeout_seconds,
            cpu_seconds: limits.cpu_seconds,
            memory_bytes: limits.memory.as_deref().map(|text| memory_bytes(text).unwrap_or(u64::MAX)),
            output_bytes: limits.output_bytes.map(u64::from),
            processes: limits.processes,
            file_bytes: limits.file_bytes.map(u64::from),
        }
    }
}

impl From<LimitsRequest> for RequestedLimits {
    fn from(limits: LimitsRequest) -> Self {
        let narrow = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self {
            timeout_seconds: limits.timeout_seconds,
            cpu_seconds: limits.cpu_seconds,
            memory: limits.memory_bytes.map(|bytes| bytes.to_string()),
            output_bytes: limits.output_bytes.map(narrow),
            processes: limits.processes,
            file_bytes: limits.file_bytes.map(narrow),
        }
    }
}

impl From<Limits> for EffectiveLimits {
    fn from(limits: Limits) -> Self {
        Self {
            timeout_seconds: limits.timeout_seconds,
            cpu_seconds: limits.cpu_seconds,
            memory: limits.memory_bytes.to_string(),
            output_bytes: limits.output_bytes,
            processes: limits.processes,
            file_bytes: limits.file_bytes,
        }
    }
}

impl From<Usage> for UsageStatus {
    fn from(usage: Usage) -> Self {
        Self {
            wall_seconds: usage.wall_seconds,
            cpu_seconds: usage.cpu_seconds,
            memory_peak_bytes: usage.memory_peak_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{EnvVar, LimitsRequest, RunRequest, SourceFile};

    use crate::CodeRunSpec;

    #[test]
    fn a_request_survives_the_way_through_a_spec() {
        let request = RunRequest {
            language: "python".into(),
            code: None,
            files: vec![SourceFile {
                name: "a".into(),
                content: "AA==".into(),
                encoding: locus_core::Encoding::Base64,
            }],
            stdin: "in".into(),
            args: vec!["x".into()],
            env: vec![EnvVar { name: "A".into(), value: "b".into() }],
            compile_args: vec!["-O2".into()],
            limits: LimitsRequest { memory_bytes: Some(1 << 27), timeout_seconds: Some(3), ..LimitsRequest::default() },
        };
        let spec = CodeRunSpec::from(request.clone());
        assert_eq!(RunRequest::from(&spec), request);
    }
}
