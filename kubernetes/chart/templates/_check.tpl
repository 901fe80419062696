{{- /* What a schema cannot say in words: values that the programs would refuse when they start, again and again. */ -}}
{{- define "datagravity.check" -}}
{{- $c := .Values.controller -}}
{{- if and (eq $c.kueue "never") (not $c.release) -}}
{{- fail "controller.kueue=never and controller.release=false leave the controller nothing to do: set one of them otherwise" -}}
{{- end -}}
{{- if regexMatch "^(0+([.]0+)?(ms|s|m|h))+$" $c.pending -}}
{{- fail (printf "controller.pending: %s is no time; want more than 0, such as 1m" $c.pending) -}}
{{- end -}}
{{- if regexMatch "^((0+([.]0+)?(m|h)|[0-9.]+ms)*(0*[0-9]([.][0-9]+)?s)?([0-9.]+ms)?)$" $c.retry -}}
{{- fail (printf "controller.retry: %s is too short; want 10s or more" $c.retry) -}}
{{- end -}}
{{- if regexMatch "^((0+([.]0+)?(s|m|h))*(0*[0-9]{1,2}([.][0-9]+)?ms)?)$" $c.poll -}}
{{- fail (printf "controller.poll: %s is too short; want 100ms or more" $c.poll) -}}
{{- end -}}
{{- $config := .Values.daemon.config -}}
{{- if hasKey $config "api" -}}
{{- fail "daemon.config.api: the chart writes it; leave it out. A certificate is daemon.tlsSecret" -}}
{{- end -}}
{{- range list "state" "socket" -}}
{{- if hasKey ($config.agent | default dict) . -}}
{{- fail (printf "daemon.config.agent.%s: the chart writes it; leave it out" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
