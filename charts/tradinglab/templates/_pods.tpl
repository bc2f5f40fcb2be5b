{{- /* What every pod has in common: the restricted profile, placement, no token, no service variables. */}}
{{- define "tradinglab.podCommon" -}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Image and security of a container; called with (list root component). */}}
{{- define "tradinglab.containerCommon" -}}
{{- $root := index . 0 -}}
image: {{ include "tradinglab.image" . | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* Called with (list root value class): the value of a program's priorityClassName, and the class
of this release that it has otherwise, trading or training. */}}
{{- define "tradinglab.priority" -}}
{{- $root := index . 0 -}}
{{- if index . 1 -}}
priorityClassName: {{ index . 1 }}
{{- else if $root.Values.priorityClasses.create -}}
priorityClassName: {{ include "tradinglab.clusterName" (list $root (index . 2)) }}
{{- end -}}
{{- end }}
