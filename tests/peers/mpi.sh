#!/usr/bin/env bash
# Trains on two processes and on one, and compares. Usage: mpi.sh DATA, with LIBTORCH and LD_LIBRARY_PATH set.
#
# Both runs have the same passes and `batch_norm = "running"`, so that they differ by the order of sums only. All
# processes are on this machine and talk over shared memory. Needs OpenMPI and libclang; Debian's are installed with root.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$1
target=${CARGO_TARGET_DIR:-target}
work=target/mpi

if ! command -v mpirun > /dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y libopenmpi-dev openmpi-bin libclang-dev > /dev/null
fi
if ! command -v mpirun > /dev/null; then
    echo "not run: training on several processes: OpenMPI is not installed, and installing it needs root"
    exit 0
fi

rm -rf "$work"
mkdir -p "$work"
cargo build --locked --release --quiet --workspace --features trainer/mpi --bin mamoru-train
# A binary of its own: the other one, put back after it, runs without MPI's library.
train=$work/mamoru-train
cp "$target/release/mamoru-train" "$train"
cargo build --locked --release --quiet --workspace --bin mamoru-train
settings=(--set threads=1 --set "preprocess.input={rows=96, columns=48}" --set network.topology=efficientnet_b0
    --set network.trained_from=features.7 --set network.batch_norm=running --set batch.breasts=4
    --set batch.images_per_pass=2 --set optimiser.rate=1e-3 --set optimiser.average_decay=0.9 --set data.background=black
    --set "data.cache=$PWD/$work/cache")
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
two=(mpirun --oversubscribe --mca btl self,vader --mca oob_tcp_if_include lo -n 2)

"$train" fit --run "$work/one" --data "$data" "${settings[@]}" --set training.epochs=6
"${two[@]}" "$train" fit --run "$work/two" --data "$data" "${settings[@]}" --set training.epochs=6

# Two processes, asked to stop after the first checkpoint, and resumed.
"${two[@]}" "$train" fit --run "$work/cut" --data "$data" "${settings[@]}" --set training.epochs=6 &
running=$!
deadline=$((SECONDS + 300))
until [ -e "$work/cut/state.json" ]; do
    [ "$SECONDS" -lt "$deadline" ] && kill -0 "$running" || { echo "two processes made no checkpoint" >&2; exit 1; }
    sleep 0.1
done
kill -TERM "$running"
wait "$running" || true
grep -q '"finished": null' "$work/cut/state.json" || { echo "the run was over before it was stopped" >&2; exit 1; }
"${two[@]}" "$train" fit --run "$work/cut" --resume

# One that fails ends all.
status=0
timeout 60 "${two[@]}" "$train" fit --run "$work/failed" --data "$work/nowhere" "${settings[@]}" 2> "$work/failed.log" || status=$?
if [ "$status" = 0 ] || [ "$status" = 124 ] || ! grep -q nowhere "$work/failed.log"; then
    echo "an error in one process did not end all: status $status" >&2
    exit 1
fi

python3 - "$work" <<'PYTHON'
import csv, json, pathlib, struct, sys

work = pathlib.Path(sys.argv[1])


def weights(run):
    """Name to numbers of a .safetensors file."""
    content = (work / run / "best.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            yield name, struct.unpack(f"<{(end - start) // 4}f", content[8 + length + start : 8 + length + end])


def losses(run):
    lines = csv.DictReader((work / run / "metrics.csv").open())
    return [(int(line["images"]), float(line["train_loss"]), float(line["validation_loss"])) for line in lines]


one = dict(weights("one"))
for run in ("two", "cut"):
    farthest = max(abs(a - b) for name, values in weights(run) for a, b in zip(values, one[name], strict=True))
    apart = max(abs(a[i] - b[i]) for a, b in zip(losses("one"), losses(run), strict=True) for i in (0, 1, 2))
    print(f"{run}: two processes differ from one by {farthest:.1e} in a weight, by {apart:.1e} in a loss")
    if not (farthest < 2e-4 and apart < 1e-4):
        sys.exit("training on two processes is not that on one")
PYTHON
