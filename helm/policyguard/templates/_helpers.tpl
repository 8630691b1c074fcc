{{/* Names, labels, and what several manifests must say alike. */}}

{{- define "policyguard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The release's name, with the chart's unless it holds it: `helm install policyguard` makes `policyguard`. Pods of a
StatefulSet have its name and a digest of 11 characters as a label, which ends at 63.
*/}}
{{- define "policyguard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name with an ending; the name gives way when both are too long for a label. */}}
{{- define "policyguard.named" -}}
{{- $room := sub 62 (len .ending) | int -}}
{{- printf "%s-%s" (include "policyguard.fullname" .root | trunc $room | trimSuffix "-") .ending -}}
{{- end -}}

{{- define "policyguard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "policyguard.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "policyguard.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "policyguard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "policyguard.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "policyguard.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "policyguard.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* `replicaCount` is the older name of `replicas`. */}}
{{- define "policyguard.replicas" -}}
{{- if kindIs "invalid" .Values.replicaCount -}}{{ .Values.replicas }}{{- else -}}{{ .Values.replicaCount }}{{- end -}}
{{- end -}}

{{/* sqlite or postgres */}}
{{- define "policyguard.store" -}}
{{- if regexMatch "^postgres(ql)?://" .Values.storage.url -}}postgres{{- else -}}sqlite{{- end -}}
{{- end -}}

{{/* Whether state is on a volume: SQLite's, unless it is a trial. Of PostgreSQL nothing is kept here. */}}
{{- define "policyguard.persistent" -}}
{{- if and (eq (include "policyguard.store" .) "sqlite") .Values.persistence.enabled -}}true{{- end -}}
{{- end -}}

{{/* StatefulSet where one pod alone may hold the volume, else Deployment. */}}
{{- define "policyguard.workload" -}}
{{- if include "policyguard.persistent" . -}}StatefulSet{{- else -}}Deployment{{- end -}}
{{- end -}}

{{- define "policyguard.claim" -}}
{{- default (include "policyguard.named" (dict "root" . "ending" "data")) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "policyguard.secret" -}}
{{- default (include "policyguard.named" (dict "root" . "ending" "keys")) .Values.existingSecret -}}
{{- end -}}

{{- define "policyguard.policiesName" -}}
{{- default (include "policyguard.named" (dict "root" . "ending" "policies")) .Values.config.existingPolicies -}}
{{- end -}}

{{/* Whether pods have addresses of IPv6, alone or too. */}}
{{- define "policyguard.ipv6" -}}
{{- if or (has "IPv6" .Values.service.ipFamilies) (eq .Values.admin.podIPFamily "IPv6") -}}true{{- end -}}
{{- end -}}

{{/* The address that listens on every family the pod has. */}}
{{- define "policyguard.anyAddress" -}}
{{- if include "policyguard.ipv6" . -}}::{{- else -}}0.0.0.0{{- end -}}
{{- end -}}

{{/* A Service by every name that it has in the cluster, from the short one to the whole one. */}}
{{- define "policyguard.serviceNames" -}}
{{- $in := printf "%s.%s" .name .root.Release.Namespace -}}
{{- list .name $in (printf "%s.svc" $in) (printf "%s.svc.%s" $in .root.Values.clusterDomain) | join "," -}}
{{- end -}}

{{/*
Every Host that the gateway serves. Prometheus calls a pod by its address, which the downward API fills in; probes need
no name.
*/}}
{{- define "policyguard.hosts" -}}
{{- $hosts := splitList "," (include "policyguard.serviceNames" (dict "root" . "name" (include "policyguard.fullname" .))) -}}
{{- if .Values.admin.enabled -}}
{{- $admin := include "policyguard.named" (dict "root" . "ending" "admin") -}}
{{- $hosts = concat $hosts (splitList "," (include "policyguard.serviceNames" (dict "root" . "name" $admin))) -}}
{{- $hosts = append $hosts (eq .Values.admin.podIPFamily "IPv6" | ternary "[$(POD_IP)]" "$(POD_IP)") -}}
{{- end -}}
{{- if .Values.ingress.enabled -}}{{- $hosts = concat $hosts .Values.ingress.hosts -}}{{- end -}}
{{- if .Values.httpRoute.enabled -}}{{- $hosts = concat $hosts .Values.httpRoute.hostnames -}}{{- end -}}
{{- concat $hosts .Values.config.allowedHosts | uniq | join "," -}}
{{- end -}}

{{/* What of kagent the cluster serves, or what was said; empty: nothing. */}}
{{- define "policyguard.kagentVersion" -}}
{{- if .Values.kagentIntegration.apiVersion -}}
{{- .Values.kagentIntegration.apiVersion -}}
{{- else if .Capabilities.APIVersions.Has "kagent.dev/v1alpha3/RemoteMCPServer" -}}
kagent.dev/v1alpha3
{{- else if .Capabilities.APIVersions.Has "kagent.dev/v1alpha2/RemoteMCPServer" -}}
kagent.dev/v1alpha2
{{- end -}}
{{- end -}}
