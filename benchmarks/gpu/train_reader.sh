#!/usr/bin/env bash
# Train the reader on one GPU of a machine that needs no network: python3 with torch, tokenizers, safetensors, typer.
# Two stages, one after the other. Call it again with the same settings to go on; it ends with status 0 when both are
# done, 3 when cut off.
#
#   DATA     folder with tagged.jsonl.gz, lexicon.json.gz, tokenizer/ and held/*.jsonl, as
#            `python -m experiments.reader prepare` makes it                                 (needed)
#   RUN      where states and logs stay between calls                                        (default: $DATA/run)
#   OUT      what is to be carried away: each stage's light state and log                    (default: $RUN/out)
#   CARRIED  an earlier call's OUT, for a machine that has lost RUN                          (optional)
#   START    the first stage's last state or an exported reader: train the second stage only (optional)
#   EXPORT   where the trained reader goes as a Hugging Face folder, when both are done      (optional)
#   SECONDS_LEFT, TOKENS, TOKENS_SECOND, SHAPE, SEED, WORKERS, PYTHON                        (see below)
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${DATA:?give DATA, the folder with the texts}"
PYTHON=${PYTHON:-python3}
RUN=${RUN:-$DATA/run}
OUT=${OUT:-$RUN/out}
until=$(( $(date +%s) + ${SECONDS_LEFT:-540} ))
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$RUN/compiled}

# stage NAME TOKENS [OPTION...]: train, and put what is to be carried away into OUT; ends the script unless it is done.
stage() {
  local name=$1 tokens=$2 status=0
  shift 2
  mkdir -p "$RUN/$name" "$OUT/$name"
  if [ -n "${CARRIED:-}" ] && [ -e "$CARRIED/$name/light" ]; then set -- "$@" --carried "$CARRIED/$name/light"; fi
  "$PYTHON" -m experiments.reader train --data "$DATA" --out "$RUN/$name" --stage "$name" --resume \
    --shape "${SHAPE:-narrow}" --tokens "$tokens" --seed "${SEED:-1}" --workers "${WORKERS:-14}" \
    --seconds $(( until - $(date +%s) )) "$@" || status=$?
  if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then exit "$status"; fi
  rm -rf "$OUT/$name/light"
  cp -r "$RUN/$name/light" "$RUN/$name/log.jsonl" "$OUT/$name/"
  if [ "$status" -ne 0 ]; then exit "$status"; fi
}

if [ -z "${START:-}" ]; then
  START=$RUN/first/light
  # What the second stage has begun with is not trained again.
  if [ -e "${CARRIED:-}/second/light" ] && [ ! -e "$START" ]; then START=$CARRIED/first/light; fi
  if [ ! -e "$RUN/second" ] && [ ! -e "${CARRIED:-}/second/light" ]; then stage first "${TOKENS:-1.1e9}"; fi
fi
stage second "${TOKENS_SECOND:-1.3e9}" --start "$START"
if [ -n "${EXPORT:-}" ]; then
  "$PYTHON" -m experiments.reader export "$RUN/second/light" --tokenizer "$DATA/tokenizer" --out "$EXPORT"
  if [ -e "$DATA/held/people.jsonl" ]; then
    "$PYTHON" -m experiments.reader calibrate "$EXPORT" --held "$DATA/held/people.jsonl"
  fi
fi
