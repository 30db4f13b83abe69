# What one step does. It tells Prefect's API how it stands, as Prefect's own engine would from an image that has it.
tell() {
  wget -q -O /dev/null --header "Content-Type: application/json" \
    --post-data "{\"state\": {\"type\": \"$1\"}}" "$PREFECT_API_URL/flow_runs/$PREFECT__FLOW_RUN_ID/set_state"
}
tell RUNNING
echo "step $STEP runs"
sleep "$SECONDS_LONG"
[ "$FAILS" = 0 ] || exit 7
tell COMPLETED
