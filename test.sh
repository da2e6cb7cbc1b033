#!/usr/bin/env bash
# Installs what the tests need beside the .NET SDK (Python and Node clients of gRPC, Redis), builds everything and runs all tests.
# The last line is 'N passed, N failed'; exits non-zero when anything failed.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

needed=()
/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || needed+=(python3-grpcio python3-protobuf)
command -v protoc >/dev/null || needed+=(protobuf-compiler)
command -v node >/dev/null || needed+=(nodejs)
command -v npm >/dev/null || needed+=(npm)
command -v redis-server >/dev/null || needed+=(redis-server)
if ((${#needed[@]})); then
  echo "installing ${needed[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${needed[@]}" >/dev/null
fi
while read -r lock; do
  (cd "$(dirname "$lock")" && npm ci --no-audit --no-fund --silent)
done < <(git ls-files '*package-lock.json')

dotnet restore KvCluster.sln --locked-mode
dotnet build KvCluster.sln -c Release --no-restore

passed=0
failed=0
for project in tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  log=$(mktemp)
  echo "== $name"
  status=0
  dotnet run -c Release --no-build --project "$project" -- --no-progress 2>&1 | tee "$log" || status=$?
  total_passed=$(sed -nE 's/^ *succeeded: ([0-9]+).*/\1/p' "$log" | tail -n 1)
  total_failed=$(sed -nE 's/^ *failed: ([0-9]+).*/\1/p' "$log" | tail -n 1)
  rm -f "$log"
  passed=$((passed + ${total_passed:-0}))
  failed=$((failed + ${total_failed:-0}))
  # A run that crashed or found no test has no count of its own, and must not look like success.
  if ((status != 0 && ${total_failed:-0} == 0)) || [[ -z ${total_passed:-} ]]; then
    echo "$name ended with status $status"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
