{{- /* The name of every object: that of the release, unless nameOverride is set. */ -}}
{{- define "scorer.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "scorer.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ include "scorer.name" . }}
{{- end -}}

{{- define "scorer.labels" -}}
{{ include "scorer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* The image that runs if it is to be kept, which Leapline may have changed since; otherwise that of the values. */ -}}
{{- define "scorer.image" -}}
{{- $image := printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- if .Values.image.keepDeployed -}}
{{- $running := lookup "apps/v1" "Deployment" .Release.Namespace (include "scorer.name" .) -}}
{{- if $running -}}
{{- range $running.spec.template.spec.containers -}}
{{- if eq .name "scorer" -}}{{- $image = .image -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $image -}}
{{- end -}}

{{- define "scorer.deployer" -}}
{{- default (printf "%s-deployer" (include "scorer.name" .)) .Values.deployer.serviceAccount.name -}}
{{- end -}}
