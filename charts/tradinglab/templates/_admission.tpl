{{- /* Whoever creates Jobs could read any Secret of the namespace through them: only what a training
needs is let through. */}}
{{- define "tradinglab.admission.operator-jobs" -}}
variables:
  - name: pod
    expression: object.spec.template.spec
  - name: containers
    expression: variables.pod.containers + variables.pod.?initContainers.orValue([])
validations:
  - expression: >-
      variables.pod.?volumes.orValue([]).all(v, has(v.emptyDir) ||
      (has(v.persistentVolumeClaim) && v.persistentVolumeClaim.claimName == "{{ include "tradinglab.modelsClaim" . }}"))
    message: a training Job mounts nothing but the models' claim and emptyDir volumes
  - expression: >-
      variables.containers.all(c, !has(c.envFrom) && c.?env.orValue([]).all(e, !has(e.valueFrom)))
    message: a training Job takes no variable from a Secret, a ConfigMap or its pod
  - expression: >-
      variables.pod.?serviceAccountName.orValue("default") in ["", "default"] &&
      !variables.pod.?automountServiceAccountToken.orValue(true)
    message: a training Job uses no service account and gets no token
  - expression: >-
      !variables.pod.?hostNetwork.orValue(false) && !variables.pod.?hostPID.orValue(false) &&
      !variables.pod.?hostIPC.orValue(false) &&
      variables.containers.all(c, !c.?securityContext.privileged.orValue(false))
    message: a training Job shares nothing with its node
  - expression: >-
      variables.pod.?imagePullSecrets.orValue([]).all(s, s.?name.orValue("") in {{ .Values.imagePullSecrets | toJson }})
    message: a training Job uses no registry Secret but the chart's
  - expression: >-
      object.spec.template.metadata.?labels["app.kubernetes.io/component"].orValue("") == "trainer" &&
      object.spec.template.metadata.?labels["app.kubernetes.io/instance"].orValue("") == "{{ .Release.Name }}"
    message: a training Job carries the labels by which the network policies know it
{{- end }}

{{- /* Of a Deployment the operator owns one annotation of the pods. */}}
{{- define "tradinglab.admission.operator-deployments" -}}
variables:
  - name: before
    expression: oldObject.spec.template.metadata.?annotations.orValue({})
  - name: after
    expression: object.spec.template.metadata.?annotations.orValue({})
validations:
  - expression: >-
      request.operation == "UPDATE" && object.spec.template.spec == oldObject.spec.template.spec &&
      object.spec.template.metadata.?labels == oldObject.spec.template.metadata.?labels
    message: the operator leaves the pods of a Deployment as they are
  - expression: >-
      object.spec.selector == oldObject.spec.selector && object.spec.strategy == oldObject.spec.strategy &&
      object.spec.?replicas == oldObject.spec.?replicas && object.spec.?paused == oldObject.spec.?paused &&
      object.spec.?minReadySeconds == oldObject.spec.?minReadySeconds &&
      object.spec.?revisionHistoryLimit == oldObject.spec.?revisionHistoryLimit &&
      object.spec.?progressDeadlineSeconds == oldObject.spec.?progressDeadlineSeconds
    message: the operator leaves a Deployment's size and strategy as they are
  - expression: >-
      variables.after.all(k, k == "tradinglab.dev/artifact-digest" || (k in variables.before && variables.after[k] == variables.before[k])) &&
      variables.before.all(k, k == "tradinglab.dev/artifact-digest" || k in variables.after)
    message: of the pods' annotations the operator changes tradinglab.dev/artifact-digest only
  - expression: >-
      object.metadata.?labels == oldObject.metadata.?labels && object.metadata.?annotations == oldObject.metadata.?annotations &&
      object.metadata.?finalizers == oldObject.metadata.?finalizers &&
      object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences
    message: the operator leaves a Deployment's own labels, annotations and owners as they are
{{- end }}

{{- /* RBAC cannot say which part of a resource may be patched. */}}
{{- define "tradinglab.admission.bot-models" -}}
variables:
  - name: before
    expression: oldObject.metadata.?annotations.orValue({})
  - name: after
    expression: object.metadata.?annotations.orValue({})
validations:
  - expression: >-
      request.operation == "UPDATE" && object.spec == oldObject.spec &&
      object.metadata.?labels == oldObject.metadata.?labels &&
      object.metadata.?finalizers == oldObject.metadata.?finalizers &&
      object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences
    message: the bot changes nothing of a TradingModel but its request for a training
  - expression: >-
      variables.after.all(k, k == "tradinglab.dev/training-requested" || (k in variables.before && variables.after[k] == variables.before[k])) &&
      variables.before.all(k, k == "tradinglab.dev/training-requested" || k in variables.after)
    message: of a TradingModel's annotations the bot changes tradinglab.dev/training-requested only
{{- end }}
