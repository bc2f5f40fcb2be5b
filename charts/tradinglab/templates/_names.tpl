{{- define "tradinglab.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "tradinglab.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "tradinglab.name" .) .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "tradinglab.name" .) | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- /* Called with (list root component). */}}
{{- define "tradinglab.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "tradinglab.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "tradinglab.labels" -}}
{{- $root := index . 0 -}}
{{ include "tradinglab.selector" . }}
app.kubernetes.io/part-of: tradinglab
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- /* Of pods: without versions, so that an upgrade by itself makes no new revision of a Deployment. */}}
{{- define "tradinglab.podLabels" -}}
{{ include "tradinglab.selector" . }}
app.kubernetes.io/part-of: tradinglab
{{- end }}

{{- define "tradinglab.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{ printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) }}
{{- end }}

{{- define "tradinglab.modelsClaim" -}}
{{ default (printf "%s-models" (include "tradinglab.fullname" .)) .Values.storage.models.existingClaim }}
{{- end }}

{{- define "tradinglab.ledgerClaim" -}}
{{ default (printf "%s-ledger" (include "tradinglab.fullname" .)) .Values.storage.ledger.existingClaim }}
{{- end }}

{{- /* The Secret with the exchange account's `key` and `secret`. */}}
{{- define "tradinglab.exchangeSecret" -}}
{{- if not .Values.exchange.enabled -}}
{{ required "bot.existingSecret: a Secret with the keys `key` and `secret` of the exchange account is needed (or exchange.enabled=true for the simulator, or bot.enabled=false)" .Values.bot.existingSecret }}
{{- else if .Values.bot.existingSecret -}}
{{ .Values.bot.existingSecret }}
{{- else -}}
{{ default (printf "%s-exchange" (include "tradinglab.fullname" .)) .Values.exchange.existingSecret }}
{{- end -}}
{{- end }}

{{- define "tradinglab.backupsClaim" -}}
{{ default (printf "%s-backups" (include "tradinglab.fullname" .)) .Values.storage.backups.existingClaim }}
{{- end }}

{{- /* Of a resource that belongs to the whole cluster; called with (list root suffix). */}}
{{- define "tradinglab.clusterName" -}}
{{- $root := index . 0 -}}
{{ printf "%s-%s-%s" $root.Release.Namespace (include "tradinglab.fullname" $root) (index . 1) }}
{{- end }}

{{- /* As the API server knows a service account; called with (list root component). */}}
{{- define "tradinglab.username" -}}
{{- $root := index . 0 -}}
{{ printf "system:serviceaccount:%s:%s-%s" $root.Release.Namespace (include "tradinglab.fullname" $root) (index . 1) }}
{{- end }}

{{- define "tradinglab.logsClaim" -}}
{{ default (printf "%s-logs" (include "tradinglab.fullname" .)) .Values.storage.logs.existingClaim }}
{{- end }}
