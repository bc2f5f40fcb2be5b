{{- define "tradinglab.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  labels: {{- include "tradinglab.podLabels" (list . "trainer") | nindent 4 }}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels: {{- include "tradinglab.podLabels" (list . "trainer") | nindent 8 }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      {{- include "tradinglab.priority" (list . .Values.trainer.priorityClassName "training") | nindent 6 }}
      {{- include "tradinglab.podCommon" . | nindent 6 }}
      containers:
        - name: trainer
          {{- include "tradinglab.containerCommon" (list . "trainer") | nindent 10 }}
          command: [tradinglab-trainer, train]
          env:
            - {name: TRADINGLAB_VOLUME, value: /models}
            {{- if .Values.exchange.enabled }}
            - {name: TRADINGLAB_EXCHANGE_REST_URL, value: "http://{{ include "tradinglab.fullname" . }}-exchange:8090"}
            {{- end }}
            - {name: TRADINGLAB_TERMINATION_LOG, value: /dev/termination-log}
            - {name: TRADINGLAB_LOG_FORMAT, value: {{ .Values.logFormat }}}
            - {name: TRADINGLAB_LOG_LEVEL, value: {{ .Values.trainer.logLevel }}}
            - {name: HOME, value: /tmp}
          resources: {{- toYaml .Values.trainer.resources | nindent 12 }}
          volumeMounts:
            - {name: models, mountPath: /models}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - name: models
          persistentVolumeClaim: {claimName: {{ include "tradinglab.modelsClaim" . }}}
        - name: tmp
          emptyDir: {sizeLimit: 1Gi}
{{- end }}
