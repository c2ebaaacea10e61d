/* The part of <math.h> that the core uses, for WebAssembly without a C library. */
#ifndef CK_WASM_MATH_H
#define CK_WASM_MATH_H

#define sqrt __builtin_sqrt /* an instruction */
#define fabs __builtin_fabs
#define floor __builtin_floor
#define rint __builtin_rint
#define isfinite __builtin_isfinite
#define INFINITY __builtin_inf()

double cbrt(double x);
double fmax(double x, double y);
double fmin(double x, double y);

#endif
