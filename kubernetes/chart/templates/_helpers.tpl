{{- define "datagravity.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "datagravity.controller" -}}
{{ include "datagravity.fullname" . }}-controller
{{- end -}}

{{- define "datagravity.daemon" -}}
{{ include "datagravity.fullname" . }}-daemon
{{- end -}}

{{- /* Cluster-wide names have the namespace in them: two releases may have the same name. */ -}}
{{- define "datagravity.clusterwide" -}}
{{ .Release.Namespace }}-{{ include "datagravity.controller" . }}
{{- end -}}

{{- define "datagravity.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "datagravity.labels" -}}
{{ include "datagravity.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "datagravity.image" -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{- define "datagravity.presence" -}}
{{ get (dict "auto" "auto" "always" "yes" "never" "no") . }}
{{- end -}}

{{- define "datagravity.url" -}}
{{- if .Values.api.url -}}
{{ .Values.api.url }}
{{- else if .Values.daemon.enabled -}}
https://{{ include "datagravity.daemon" . }}.{{ .Release.Namespace }}.svc:8443
{{- else -}}
{{ fail "api.url: give the address of a datagravity daemon, https://HOST:PORT, or have this chart run one with daemon.enabled=true" }}
{{- end -}}
{{- end -}}

{{- define "datagravity.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "datagravity.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
