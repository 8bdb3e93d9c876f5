{{- define "locus.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of everything in the release. */}}
{{- define "locus.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: locus
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* What selects the pods of a component: (list . "operator"). */}}
{{- define "locus.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "locus.image" -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end -}}

{{- define "locus.signingKeySecret" -}}
{{- .Values.signingKey.existingSecret | default (printf "%s-signing-key" (include "locus.fullname" .)) -}}
{{- end -}}

{{- define "locus.readerKeySecret" -}}
{{- .Values.readerKey.existingSecret | default (printf "%s-reader-key" (include "locus.fullname" .)) -}}
{{- end -}}

{{/* A Secret with an Ed25519 key that is made once and then kept; another rotation makes a new one and keeps the current
one as the previous: (list . NAME ROTATION FILE). */}}
{{- define "locus.keySecret" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $rotation := index . 2 | int64 | toString -}}
{{- $file := index . 3 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace $name | default dict -}}
{{- $current := dig "data" $file "" $found -}}
{{- $previous := dig "data" "previous-key.pem" "" $found -}}
{{- $rotated := dig "metadata" "annotations" "locus.dev/key-rotation" $rotation $found -}}
{{- if and $current (ne $rotated $rotation) -}}
{{- $previous = $current -}}
{{- $current = "" -}}
{{- end -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "locus.labels" $root | nindent 4 }}
  annotations:
    locus.dev/key-rotation: {{ $rotation | quote }}
type: Opaque
data:
  {{ $file }}: {{ $current | default (genPrivateKey "ed25519" | b64enc) }}
  {{- with $previous }}
  previous-key.pem: {{ . }}
  {{- end }}
{{- end -}}

{{- define "locus.runnerServiceAccount" -}}locus-runner{{- end -}}

{{/* The restricted Pod Security Standard, and a read-only root. */}}
{{- define "locus.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "locus.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where the pods of a component may be scheduled: (list . "operator" .Values.operator). */}}
{{- define "locus.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if gt (int $values.replicas) 1 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "locus.selector" (list $root $component) | nindent 8 }}
{{- end }}
{{- end -}}

{{/* Numbers of values are floats, and a large one would be written as 2.147483648e+09. */}}
{{- define "locus.integers" -}}
{{- range $name, $value := . }}
{{ $name }}: {{ int64 $value }}
{{- end }}
{{- end -}}

{{/* What of the IPv4 space is not public, by IANA's registry of special-purpose addresses, and multicast. */}}
{{- define "locus.notPublic.ipv4" -}}
- 0.0.0.0/8
- 10.0.0.0/8
- 100.64.0.0/10
- 127.0.0.0/8
- 169.254.0.0/16
- 172.16.0.0/12
- 192.0.0.0/24
- 192.0.2.0/24
- 192.88.99.0/24
- 192.168.0.0/16
- 198.18.0.0/15
- 198.51.100.0/24
- 203.0.113.0/24
- 224.0.0.0/4
- 240.0.0.0/4
# It looks public, and is how Azure's nodes talk to their host.
- 168.63.129.16/32
{{- end -}}

{{/* The same within 2000::/3, the only part of the IPv6 space that is given out: protocol assignments with Teredo and
benchmarks, documentation, and 6to4, which holds an IPv4 address that the list above was never asked about. */}}
{{- define "locus.notPublic.ipv6" -}}
- 2001::/23
- 2001:db8::/32
- 2002::/16
- 3fff::/20
{{- end -}}

{{/* The operator's settings. */}}
{{- define "locus.operatorConfig" -}}
{{- $pods := .Values.runPods -}}
runNamespace: {{ .Values.runNamespace.name }}
images:
  {{- range $language, $image := .Values.images.runners }}
  {{ $language }}: {{ $image | quote }}
  {{- else }} {}
  {{- end }}
limits:
  default: {{- include "locus.integers" .Values.limits.default | trim | nindent 4 }}
  maximum: {{- include "locus.integers" .Values.limits.maximum | trim | nindent 4 }}
retention: {{- include "locus.integers" .Values.retention | trim | nindent 2 }}
concurrency: {{- include "locus.integers" .Values.concurrency | trim | nindent 2 }}
pools:
  {{- range $name, $pool := .Values.pools }}
  {{- if and $pool (hasKey (default dict $.Values.images.runners) (splitList "@" $pool.language | first)) }}
  {{ $name }}: {{ toJson $pool }}
  {{- end }}
  {{- else }} {}
  {{- end }}
podStartSeconds: {{ int64 $pods.startSeconds }}
uids: {{- include "locus.integers" $pods.uids | trim | nindent 2 }}
pod:
  imagePullPolicy: {{ $pods.imagePullPolicy }}
  imagePullSecrets: {{ toJson $pods.imagePullSecrets }}
  nodeSelector: {{ toJson $pods.nodeSelector }}
  tolerations: {{ toJson $pods.tolerations }}
  priorityClassName: {{ $pods.priorityClassName | quote }}
  runtimeClassName: {{ $pods.runtimeClassName | quote }}
  serviceAccountName: {{ include "locus.runnerServiceAccount" . }}
  cpuRequest: {{ $pods.cpuRequest | toString | quote }}
  memoryRequest: {{ $pods.memoryRequest | toString | quote }}
  cpuLimit: {{ $pods.cpuLimit | toString | quote }}
  tmpBytes: {{ int64 $pods.tmpBytes }}
  network: {{ $pods.network }}
{{- end -}}
