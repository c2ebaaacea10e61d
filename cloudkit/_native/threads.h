/* Threads of the extension: started for one batch, joined at its end. Without pthreads one thread does everything. */
#ifndef CLOUDKIT_THREADS_H
#define CLOUDKIT_THREADS_H

#include <stddef.h>
#include <stdlib.h>

#ifdef _WIN32
static inline void ck_run_threads(void *(*work)(void *), void *shares, size_t size, size_t n) {
    for (size_t i = 0; i < n; i++) work((char *)shares + i * size);
}
#else
#include <pthread.h>

/* Call work(share) for each of n shares of `size` bytes: the first in this thread, the others in their own threads, or in
 * this one if no thread can be created. Returns when all are done. Call it without the GIL. */
static inline void ck_run_threads(void *(*work)(void *), void *shares, size_t size, size_t n) {
    pthread_t *threads = n > 1 ? malloc(n * sizeof *threads) : NULL;
    size_t started = 1;
    while (threads && started < n && pthread_create(&threads[started], NULL, work, (char *)shares + started * size) == 0) started++;
    work(shares);
    for (size_t i = started; i < n; i++) work((char *)shares + i * size);
    for (size_t i = 1; i < started; i++) pthread_join(threads[i], NULL);
    free(threads);
}
#endif

#endif
