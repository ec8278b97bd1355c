/* Words for the codes of recovery.sas7bdat, as a SAS format catalog:
 *   cc -DHAVE_ZLIB=1 -I$READSTAT catalog.c $READSTAT/{.,sas,spss,stata}/?*.c -lz -lm -o catalog && ./catalog formats.sas7bcat
 * READSTAT is the folder of the sources of ReadStat; those inside pyreadstat 1.3.7 wrote the file that lies here. */
#include <fcntl.h>
#include <unistd.h>
#include "readstat.h"

static ssize_t put(const void *bytes, size_t length, void *file) { return write(*(int *)file, bytes, length); }

int main(int count, char **names) {
    int file = open(names[count - 1], O_CREAT | O_TRUNC | O_WRONLY, 0644);
    readstat_writer_t *writer = readstat_writer_init();
    readstat_set_data_writer(writer, put);
    readstat_label_set_t *ended = readstat_add_label_set(writer, READSTAT_TYPE_DOUBLE, "ENDED");
    readstat_label_double_value(ended, 0, "censored");
    readstat_label_double_value(ended, 1, "recovery");
    readstat_label_double_value(ended, 2, "surgery");
    int fault = readstat_begin_writing_sas7bcat(writer, &file) || readstat_end_writing(writer);
    readstat_writer_free(writer);
    return fault || close(file);
}
