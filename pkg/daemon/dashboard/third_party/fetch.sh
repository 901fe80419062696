#!/bin/sh
# Fetches what the dashboard has from others at the versions and with the checksums of package-lock.json, and puts what is served of it
# beside this file. Needs npm and the network. To go to another version: change package.json, then
#   npm install --package-lock-only --omit-lockfile-registry-resolved && ./fetch.sh
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp package.json package-lock.json "$tmp"
(cd "$tmp" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
from=$tmp/node_modules

# The map is not served: without its name nobody asks for it.
sed '/^\/\/# sourceMappingURL=/d' "$from/htmx.org/dist/htmx.min.js" >htmx.min.js
cp "$from/htmx.org/LICENSE" htmx.LICENSE
cp "$from/uplot/dist/uPlot.iife.min.js" uplot.min.js
cp "$from/uplot/dist/uPlot.min.css" uplot.min.css
cp "$from/uplot/LICENSE" uplot.LICENSE
font=@fontsource-variable/atkinson-hyperlegible-next
cp "$from/$font/files/atkinson-hyperlegible-next-latin-wght-normal.woff2" atkinson-hyperlegible-next.woff2
cp "$from/$font/LICENSE" atkinson-hyperlegible-next.LICENSE
chmod 644 ./*.js ./*.css ./*.woff2 ./*.LICENSE
sha256sum ./*.js ./*.css ./*.woff2 ./*.LICENSE | sed 's|\./||' >SHA256SUMS
