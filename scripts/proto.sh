#!/usr/bin/env bash
# Generates Swift from every .proto file under Sources, for Tests/ProtocolTests, which compares the
# hand-written codecs with it. The result is committed, so only who changes a .proto runs this.
set -euo pipefail
cd "$(dirname "$0")/.."

out=Tests/ProtocolTests/Generated
plugin_dir=.build-proto

swift build -c release --scratch-path "$plugin_dir" --product protoc-gen-swift
plugin=$(swift build -c release --scratch-path "$plugin_dir" --show-bin-path)/protoc-gen-swift

mkdir -p "$out"
find Sources -name '*.proto' | sort | while read -r file; do
  protoc --plugin=protoc-gen-swift="$plugin" \
    --proto_path="$(dirname "$file")" --proto_path=Sources \
    --swift_opt=Visibility=Internal --swift_opt=FileNaming=DropPath \
    --swift_out="$out" "$file"
  echo "$out/$(basename "$file" .proto).pb.swift  <-  $file"
done
