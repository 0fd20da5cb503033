/* Runs one suite. Which one: MR_SUITE, set by tests/CMakeLists.txt. */
#include <check.h>
#include <stdlib.h>

Suite *MR_SUITE(void);

int main(void)
{
    SRunner *runner = srunner_create(MR_SUITE());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    int run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
