{{- /* One rule of egress for each place that a pod may go to. */}}
{{- define "tradinglab.egress.dns" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.dnsNamespace }}}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{- /* Private networks and, where helm asks a cluster, the addresses that it has for its API server:
those may be public. */}}
{{- define "tradinglab.egress.kubernetes" -}}
{{- $cidrs := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7" }}
{{- with .Values.networkPolicy.apiServer.cidr }}
{{- $cidrs = list . }}
{{- else }}
{{- range (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes").endpoints }}
{{- range .addresses }}
{{- $cidrs = append $cidrs (printf "%s/%s" . (ternary "128" "32" (contains ":" .))) }}
{{- end }}
{{- end }}
{{- end -}}
- to:
    {{- range $cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{- define "tradinglab.egress.internet" -}}
- to:
    - ipBlock: {cidr: 0.0.0.0/0, except: {{ .Values.networkPolicy.internet.except | toJson }}}
    - ipBlock: {cidr: "::/0", except: ["fc00::/7", "fe80::/10"]}
  ports:
    {{- range .Values.networkPolicy.internet.ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{- /* Called with (list root component port). */}}
{{- define "tradinglab.egress.pods" -}}
{{- $root := index . 0 -}}
- to:
    - podSelector:
        matchLabels: {{- include "tradinglab.selector" (list $root (index . 1)) | nindent 10 }}
  ports: [{port: {{ index . 2 }}, protocol: TCP}]
{{- end }}

{{- define "tradinglab.egress.api" -}}
{{ include "tradinglab.egress.pods" (list . "api" 8080) }}
{{- end }}

{{- define "tradinglab.egress.operator" -}}
{{ include "tradinglab.egress.pods" (list . "operator" 8080) }}
{{- end }}

{{- define "tradinglab.egress.bot" -}}
{{ include "tradinglab.egress.pods" (list . "bot" 8080) }}
{{- end }}

{{- /* The simulated one, or the real one. */}}
{{- define "tradinglab.egress.exchange" -}}
{{- if .Values.exchange.enabled -}}
{{ include "tradinglab.egress.pods" (list . "exchange" 8090) }}
{{- else -}}
{{ include "tradinglab.egress.internet" . }}
{{- end -}}
{{- end }}
