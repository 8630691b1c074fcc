{{/* The pod, whichever workload runs it. */}}
{{- define "policyguard.pod" -}}
metadata:
  labels:
    {{- include "policyguard.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- if and .Values.config.restartOnPolicyChange (not .Values.config.existingPolicies) }}
    checksum/policies: {{ include "policyguard.policyFiles" . | sha256sum }}
    {{- end }}
    checksum/settings: {{ toYaml .Values.config.settings | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "policyguard.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  # Kubernetes would set POLICYGUARD_PORT=tcp://… for a Service of that name.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: policyguard
      image: {{ include "policyguard.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- with .Values.args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      env:
        {{- include "policyguard.env" . | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: 8000
          protocol: TCP
        {{- if .Values.admin.enabled }}
        - name: admin
          containerPort: {{ .Values.admin.port }}
          protocol: TCP
        {{- end }}
      startupProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml .Values.startupProbe | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "policyguard.mounts" . | nindent 8 }}
        {{- with .Values.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "policyguard.volumes" . | nindent 4 }}
    {{- with .Values.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
  {{- with index $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "policyguard.env" -}}
- {name: HOST, value: {{ include "policyguard.anyAddress" . | quote }}}
- {name: PORT, value: "8000"}
- {name: POLICYGUARD_AUTH, value: credentials}
- {name: POLICYGUARD_DATA_DIR, value: /data}
- {name: POLICY_PATH, value: /etc/policyguard/policies}
{{- if .Values.config.settings }}
- {name: POLICYGUARD_CONFIG, value: /etc/policyguard/settings/policyguard.yaml}
{{- end }}
- {name: POLICYGUARD_BOOTSTRAP_KEY_FILE, value: /etc/policyguard/keys/bootstrap-key}
{{- if .Values.catalogKey }}
- {name: POLICYGUARD__CREDENTIALS__CATALOG_KEY_FILE, value: /etc/policyguard/keys/catalog-key}
{{- end }}
{{- if eq (include "policyguard.store" .) "postgres" }}
- {name: POLICYGUARD__STORAGE__URL, value: {{ .Values.storage.url | quote }}}
{{- end }}
{{- if .Values.admin.enabled }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: POLICYGUARD__ADMIN__ADDR
  value: {{ printf "%s:%v" (include "policyguard.ipv6" . | empty | ternary "0.0.0.0" "[::]") .Values.admin.port | quote }}
{{- end }}
- name: ALLOWED_HOSTS
  value: {{ include "policyguard.hosts" . | quote }}
{{- with .Values.config.allowedOrigins }}
- name: ALLOWED_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
- {name: LOG_LEVEL, value: {{ .Values.config.logLevel | quote }}}
- {name: POLICYGUARD__LOG__FORMAT, value: {{ .Values.config.logFormat }}}
{{- end -}}

{{- define "policyguard.mounts" -}}
- {name: data, mountPath: /data}
- {name: policies, mountPath: /etc/policyguard/policies, readOnly: true}
- {name: keys, mountPath: /etc/policyguard/keys, readOnly: true}
{{- if .Values.config.settings }}
- {name: settings, mountPath: /etc/policyguard/settings, readOnly: true}
{{- end }}
{{- end -}}

{{- define "policyguard.volumes" -}}
- name: data
  {{- if include "policyguard.persistent" . }}
  persistentVolumeClaim:
    claimName: {{ include "policyguard.claim" . | quote }}
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: policies
  configMap:
    name: {{ include "policyguard.policiesName" . | quote }}
- name: keys
  secret:
    secretName: {{ include "policyguard.secret" . | quote }}
    # Root owns the files and the pod's group reads them; nobody else does.
    defaultMode: 0440
    items:
      - {key: bootstrap-key, path: bootstrap-key}
      {{- if .Values.catalogKey }}
      - {key: catalog-key, path: catalog-key}
      {{- end }}
{{- if .Values.config.settings }}
- name: settings
  configMap:
    name: {{ include "policyguard.named" (dict "root" . "ending" "settings") | quote }}
{{- end }}
{{- end -}}
