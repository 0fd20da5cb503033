/* verb_test.c - `millrace test`: load and decode everything, check every checksum, keep nothing. */
#include <string.h>

#include "cli/records.h"
#include "cli/run.h"
#include "cli/signals.h"

/* Without operations, content that is compressed on its own is decoded, which checks it. */
static enum mr_status prepare(const struct options *options, struct setup *setup,
                              struct mr_error *err)
{
    enum mr_status status = run_check_inputs(options, err);
    if (status == MR_OK)
        status = setup_init(setup, options, err);
    if (status == MR_OK && chain_count(setup->chain) == 0)
        status = chain_add(setup->chain, "decompress", err);
    return status;
}

static int test(const struct cli *cli)
{
    struct setup setup = {0};
    struct output output = {.kind = OUTPUT_NULL, .shown = strdup("null:")};
    struct mr_error err = {0};
    int result;
    enum mr_status status = output.shown ? prepare(cli->options, &setup, &err)
                                         : mr_error_set(&err, MR_E_MEMORY, 0, "out of memory");
    if (status != MR_OK) {
        result = run_refuse(cli, status, &err);
    } else if (run_has_only_missing_inputs(cli)) {
        result = EXIT_SOME_FAILED;
    } else {
        struct run run = {.cli = cli, .setup = &setup, .output = &output};
        result = run_job(&run);
    }
    setup_fini(&setup);
    output_fini(&output);
    return result;
}

int verb_test(const struct cli *cli)
{
    struct records records;
    struct cli recorded = *cli;
    struct mr_error err = {0};
    signals_catch(false); /* before there is a file to leave behind */
    enum mr_status status = records_open(&records, cli, &err);
    if (status != MR_OK)
        return run_refuse(cli, status, &err);
    recorded.records = &records;
    return records_close(&records, cli, test(&recorded));
}
