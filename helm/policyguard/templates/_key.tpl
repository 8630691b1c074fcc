{{/*
A key as the gateway reads it: `pg_`, 8 characters, `_`, 43 characters of chance, and 6 that are the CRC-32 of all
before them in base 62. Letters and digits of chance are drawn by the system's secure generator.
*/}}
{{- define "policyguard.newKey" -}}
{{- $text := printf "pg_%s_%s" (randAlphaNum 8) (randAlphaNum 43) -}}
{{- printf "%s%s" $text (include "policyguard.checksum" $text) -}}
{{- end -}}

{{- define "policyguard.checksum" -}}
{{- $digits := "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" -}}
{{- $rest := include "policyguard.crc32" . | int64 -}}
{{- $text := "" -}}
{{- range until 6 -}}
{{- $text = printf "%c%s" (index $digits (mod $rest 62)) $text -}}
{{- $rest = div $rest 62 -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/*
CRC-32 (IEEE 802.3) of a text in ASCII, as a decimal number. Templates know no bits, so it goes by halves of bytes, the
low one first, through the table of the polynomial; `exclusive` is the 16 × 16 table of exclusive or, where the sixteen
letters from `@` on stand for 0 to 15.
*/}}
{{- define "policyguard.crc32" -}}
{{- $exclusive := list
  "@ABCDEFGHIJKLMNO" "A@CBEDGFIHKJMLON" "BC@AFGDEJKHINOLM" "CBA@GFEDKJIHONML"
  "DEFG@ABCLMNOHIJK" "EDGFA@CBMLONIHKJ" "FGDEBC@ANOLMJKHI" "GFEDCBA@ONMLKJIH"
  "HIJKLMNO@ABCDEFG" "IHKJMLONA@CBEDGF" "JKHINOLMBC@AFGDE" "KJIHONMLCBA@GFED"
  "LMNOHIJKDEFG@ABC" "MLONIHKJEDGFA@CB" "NOLMJKHIFGDEBC@A" "ONMLKJIHGFEDCBA@" -}}
{{- $table := list 0 498536548 997073096 651767980 1994146192 1802195444 1303535960 1342533948
  3988292384 4027552580 3604390888 3412177804 2607071920 2262029012 2685067896 3183342108 -}}
{{- $crc := 4294967295 -}}
{{- $text := . -}}
{{- range $place := until (len $text) -}}
{{- $byte := index $text $place | int64 -}}
{{- range $half := list (mod $byte 16) (div $byte 16) -}}
{{- $row := index $table (sub (index (index $exclusive (mod $crc 16)) $half) 64) -}}
{{- $shifted := div $crc 16 -}}
{{- $crc = 0 -}}
{{- range $weight := list 1 16 256 4096 65536 1048576 16777216 268435456 -}}
{{- $left := mod (div $row $weight) 16 -}}
{{- $right := mod (div $shifted $weight) 16 -}}
{{- $crc = add $crc (mul $weight (sub (index (index $exclusive $left) $right) 64)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- sub 4294967295 $crc -}}
{{- end -}}
