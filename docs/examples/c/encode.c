/* The SCOPE string of rock salt, from arrays.
 *
 *     cc encode.c $(python -c 'import cloudkit; print("-I", cloudkit.get_include(), cloudkit.get_library())') -lm -o encode
 *     ./encode
 *     1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b
 */
#include <stdio.h>
#include <stdlib.h>

#include <cloudkit/scope.h>

int main(void) {
    double lattice[9] = {5.64, 0, 0, 0, 5.64, 0, 0, 0, 5.64}; /* cell vectors as rows, in angstrom */
    double positions[24] = {0, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0, 0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0.5, 0.5, 0.5};
    int32_t numbers[8] = {11, 11, 11, 11, 17, 17, 17, 17};
    ck_crystal salt = {lattice, positions, numbers, 8, NULL, 0};
    char text[80 + 8 * 8]; /* 80 bytes, and 8 for each orbit: no more orbits than sites */
    size_t size = ck_work_size(salt.n), length;
    if (ck_abi_version() != CK_ABI_VERSION) return 2;
    void *work = malloc(size);
    if (work == NULL) return 2;
    ck_status status = ck_encode_structure(&salt, NULL, 1e-2, 0, work, size, text, sizeof text, &length, NULL);
    free(work);
    if (status != CK_OK) {
        fprintf(stderr, "no string: status %d\n", (int)status);
        return 1;
    }
    printf("%.*s\n", (int)length, text);
    return 0;
}
