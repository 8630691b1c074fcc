{{/* The files of the policy folder: name and text. */}}
{{- define "policyguard.policyFiles" -}}
{{- if .Values.config.basePolicies }}
base.yaml: |
  {{- .Files.Get "policies/base.yaml" | nindent 2 }}
{{- end }}
{{- with .Values.config.defaultPolicy }}
{{- if .enabled }}
default-security.yaml: |
  policies:
    - {{- omit . "enabled" | toYaml | nindent 6 }}
{{- end }}
{{- end }}
{{- range $name, $content := .Values.config.policies }}
{{ $name }}: |
  {{- if kindIs "string" $content }}
  {{- $content | nindent 2 }}
  {{- else }}
  {{- toYaml $content | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}
