// oneTBB's parallel_pipeline: numbers come in and results go out in order, the steps between run in
// parallel.
#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>

#include "bench/bench.h"

extern "C" void bench_tbb(const bench_job *job)
{
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, BENCH_WORKERS);
    std::uintptr_t next = 0, taken_count = 0;
    auto step = tbb::make_filter<std::uintptr_t, std::uintptr_t>(
        tbb::filter_mode::parallel, [job](std::uintptr_t value) { return bench_step(job, value); });
    tbb::parallel_pipeline(
        BENCH_IN_FLIGHT,
        tbb::make_filter<void, std::uintptr_t>(tbb::filter_mode::serial_in_order,
                                               [&](tbb::flow_control &control) -> std::uintptr_t {
                                                   if (next == job->count) {
                                                       control.stop();
                                                       return 0;
                                                   }
                                                   return next++;
                                               }) &
            step & step & step &
            tbb::make_filter<std::uintptr_t, void>(
                tbb::filter_mode::serial_in_order,
                [&](std::uintptr_t value) { bench_take(&taken_count, value); }));
}
