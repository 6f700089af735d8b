// Coefficients of base/maths_kernels.h, lowest power first. Written by scripts/derive-maths.py; do not edit.
#pragma once

#include <cstdint>

namespace looptwin::maths {

/// ln 2 in two parts, the first of 32 bits.
constexpr double kLn2Parts[] = {
    0x1.62e42fee00000p-1,
    0x1.a39ef35793c76p-33,
};

/// pi/2 in four parts of 23 bits and a rest.
constexpr double kHalfPiParts[] = {
    0x1.921fb40000000p+0,  0x1.4442d00000000p-24, 0x1.8469880000000p-48,
    0x1.8cc5140000000p-72, 0x1.80dc1cd129025p-95,
};

/// Ln2 as a sum of two doubles
constexpr double kLn2Double[] = {
    0x1.62e42fefa39efp-1,
    0x1.abc9e3b39803fp-56,
};

/// InvLn2 as a sum of two doubles
constexpr double kInvLn2Double[] = {
    0x1.71547652b82fep+0,
    0x1.777d0ffda0d24p-56,
};

/// InvLn10 as a sum of two doubles
constexpr double kInvLn10Double[] = {
    0x1.bcb7b1526e50ep-2,
    0x1.95355baaafad3p-57,
};

/// Third as a sum of two doubles
constexpr double kThirdDouble[] = {
    0x1.5555555555555p-2,
    0x1.5555555555555p-56,
};

/// Fifth as a sum of two doubles
constexpr double kFifthDouble[] = {
    0x1.999999999999ap-3,
    -0x1.999999999999ap-57,
};

/// Pi as a sum of two doubles
constexpr double kPiDouble[] = {
    0x1.921fb54442d18p+1,
    0x1.1a62633145c07p-53,
};

/// HalfPi as a sum of two doubles
constexpr double kHalfPiDouble[] = {
    0x1.921fb54442d18p+0,
    0x1.1a62633145c07p-54,
};

/// QuarterPi as a sum of two doubles
constexpr double kQuarterPiDouble[] = {
    0x1.921fb54442d18p-1,
    0x1.1a62633145c07p-55,
};

/// SqrtHalf as a sum of two doubles
constexpr double kSqrtHalfDouble[] = {
    0x1.6a09e667f3bcdp-1,
    -0x1.bdd3413b26456p-55,
};

/// HalfLog2Pi as a sum of two doubles
constexpr double kHalfLog2PiDouble[] = {
    0x1.d67f1c864beb5p-1,
    -0x1.65b5a1b7ff5dfp-55,
};

/// cbrt(1), cbrt(2), cbrt(4).
constexpr double kCbrtOfPower[] = {
    0x1.0000000000000p+0,
    0x1.428a2f98d728bp+0,
    0x1.965fea53d6e3dp+0,
};

/// (eʳ - 1 - r)/r² for |r| <= ln2/2; error below 2^-59.
constexpr double kExp[] = {
    0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555556p-5,  0x1.11111111100dep-7,
    0x1.6c16c16c162d6p-10, 0x1.a01a01abe683ap-13, 0x1.a01a01a6d7b19p-16, 0x1.71de02364614ap-19,
    0x1.27e4db6718a69p-22, 0x1.af4ddfbb33a59p-26, 0x1.1f72fdb6c6441p-29,
};

/// (atanh(s)/s - 1)/z, z = s²; error below 2^-59.
constexpr double kLog[] = {
    0x1.5555555555555p-2, 0x1.9999999999a38p-3, 0x1.2492492476c8bp-3, 0x1.c71c720160332p-4,
    0x1.745cf90196560p-4, 0x1.3b1c35fbecd93p-4, 0x1.0fbe84f5caccap-4, 0x1.0c044ccf380aap-4,
};

/// (atanh(s)/s - 1 - z/3 - z²/5)/z³, z = s²; error below 2^-74.
constexpr double kLogTail[] = {
    0x1.2492492492492p-3, 0x1.c71c71c71c71cp-4, 0x1.745d1745d1730p-4, 0x1.3b13b13b15ffbp-4,
    0x1.1111110f14e4dp-4, 0x1.e1e1e3d7c46edp-5, 0x1.af27d527503a7p-5, 0x1.8634499584b8ep-5,
    0x1.6110f7b1a434ap-5, 0x1.78153875718fep-5,
};

/// (sin(r)/r - 1)/z, z = r²; error below 2^-66.
constexpr double kSin[] = {
    -0x1.5555555555555p-3,  0x1.1111111111110p-7,  -0x1.a01a01a019938p-13, 0x1.71de3a54608cfp-19,
    -0x1.ae645412b62aap-26, 0x1.61217eff71ef8p-33, -0x1.ab17cce9b0e1ep-41,
};

/// (cos(r) - 1 + z/2)/z², z = r²; error below 2^-70.
constexpr double kCos[] = {
    0x1.5555555555555p-5,  -0x1.6c16c16c16c16p-10, 0x1.a01a01a019d0ap-16, -0x1.27e4fb7712d27p-22,
    0x1.1eed8deb90e57p-29, -0x1.9394ba021d9e7p-37, 0x1.ab7854ae6ac86p-45,
};

/// (atan(t)/t - 1)/z, z = t²; error below 2^-59.
constexpr double kAtan[] = {
    -0x1.5555555555555p-2, 0x1.9999999999953p-3, -0x1.249249248d7e6p-3, 0x1.c71c71c3045bap-4,
    -0x1.745d165de250bp-4, 0x1.3b1392d7e8f74p-4, -0x1.110e87e6a8722p-4, 0x1.e19a10824a50bp-5,
    -0x1.ac7a7bd8f05c0p-5, 0x1.74dd67f0d3109p-5, -0x1.1b32a3266af2ep-5, 0x1.0ad10221730d6p-6,
};

/// (asin(x)/x - 1)/z, z = x²; error below 2^-55.
constexpr double kAsin[] = {
    0x1.5555555555556p-3, 0x1.3333333332ec9p-4, 0x1.6db6db6e32015p-5, 0x1.f1c71c1da63a6p-6,
    0x1.6e8bb1c9c50aep-6, 0x1.1c4d35a7a771ap-6, 0x1.c9cf0c30fbb90p-7, 0x1.78262197d4e16p-7,
    0x1.52434da33ae58p-7, 0x1.659ea8825b1c9p-8, 0x1.1d2052b6eb685p-6, -0x1.e6c3690d9eb0cp-7,
    0x1.d733cdf1e8b13p-6,
};

/// (sinh(x)/x - 1)/z, z = x²; error below 2^-71.
constexpr double kSinh[] = {
    0x1.5555555555555p-3,  0x1.1111111111111p-7,  0x1.a01a01a01a001p-13, 0x1.71de3a556f96cp-19,
    0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33, 0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49,
};

/// (tanh(x)/x - 1)/z, z = x²; error below 2^-57.
constexpr double kTanh[] = {
    -0x1.5555555555555p-2,  0x1.11111111110a7p-3,  -0x1.ba1ba1ba0ef60p-5,  0x1.664f487e00f92p-6,
    -0x1.226e34723e97bp-7,  0x1.d6d39a9164633p-9,  -0x1.7d9f6a1406a56p-10, 0x1.3526b6d281e18p-11,
    -0x1.f240ed439921ep-13, 0x1.843b2fbaf5a4dp-14, -0x1.05a480ded4603p-15, 0x1.b2db5e7bcc919p-18,
};

/// cbrt(m) for m in [1, 2), a first guess; error below 2^-19.
constexpr double kCbrt[] = {
    0x1.e68ceb1fc3429p-2, 0x1.a9da3cc66f245p-1,  -0x1.d758498b983bcp-2,
    0x1.92bfc00e33108p-3, -0x1.8bd2dce403128p-5, 0x1.4c7608a04eba1p-8,
};

/// erf(x)/x - 1, z = x²; error below 2^-73.
constexpr double kErf[] = {
    0x1.06eba8214db69p-3,  -0x1.812746b0379e7p-2,  0x1.ce2f21a042be1p-4,  -0x1.b82ce31288b15p-6,
    0x1.565bcd0e6922dp-8,  -0x1.c02db3ffcd361p-11, 0x1.f9a326dda2e48p-14, -0x1.f4d257a9a9026p-17,
    0x1.b9e646d4e1af3p-20, -0x1.5f6a1afd41885p-23, 0x1.fbb86115d132cp-27, -0x1.48b4c6ad8b1afp-30,
    0x1.3fd682b14fc00p-34,
};

/// (1 + 2x) exp(x²) erfc(x) in t = (x - 4)/(x + 4), x >= 0.5; error below 2^-61.
constexpr double kErfcx[] = {
    0x1.3ba5916e9fd7fp+0,   -0x1.1df1ad154a28ep-3,  0x1.f7f5df66fd7c4p-7,   0x1.16ecefcfa5374p-4,
    -0x1.9ddb23c3e9167p-4,  0x1.7fee004e12a72p-4,   -0x1.0fb06dfe47ce4p-4,  0x1.3079edf6767aap-5,
    -0x1.09623885859d5p-6,  0x1.49c6728a3b6aep-8,   -0x1.8d4a99482dcb0p-11, -0x1.a1df28c6310abp-13,
    0x1.3be02c3ab078cp-13,  -0x1.9958d30c232f6p-16, -0x1.787ffa3afff14p-17, 0x1.7f23de839c8e0p-18,
    0x1.37e121643fb0fp-22,  -0x1.bacf9f7d41192p-21, 0x1.5608f1e4f0d52p-24,  0x1.d7106eddb2541p-24,
    -0x1.83ddff21d632bp-26, -0x1.e4549cec3c747p-27, 0x1.25af34260c84bp-28,  0x1.6fb3ff548e394p-30,
    -0x1.26e7939623b09p-31,
};

/// quantile(1/2 + q)/q in z = q², |q| <= 0.3; error below 2^-63.
constexpr double kNormalCentre[] = {
    0x1.40d931ff62706p+1,  0x1.4ffddeaa22dc8p+1,   0x1.71713082d9c24p+2,  0x1.f55d0d78d9f12p+3,
    0x1.78494afb148e6p+5,  0x1.2ba8d9b4299e3p+7,   0x1.f0465ac1a35fdp+8,  0x1.a6713412eb6dcp+10,
    0x1.6f7805d7da908p+12, 0x1.4087a3c2c4cc8p+14,  0x1.3ed8b4d3dd3dap+16, 0x1.584e4b0b0478fp+16,
    0x1.077672a3b037cp+22, -0x1.4b123c12b85adp+25, 0x1.e47bcc322f610p+28, -0x1.be40ae251dcc2p+31,
    0x1.2ec8052708108p+34, -0x1.eeba87ef8740ap+35, 0x1.a1953fb94b8fcp+36,
};

/// -quantile(exp(-r²)) in y = r - 1.26, r <= 5: numerator; relative error below 2^-62.
constexpr double kNormalTailP[] = {
    0x1.a6e332e5c5fa4p-1, 0x1.1cc50c81cd70fp+2,  0x1.238e2941b377dp+3,  0x1.39d3058f7ab4ap+3,
    0x1.9193869b15423p+2, 0x1.423ce4261bb02p+1,  0x1.48c015a70ea3dp-1,  0x1.a081483d956b9p-4,
    0x1.31064ba7ae181p-7, 0x1.bd9f04dc173b7p-12, 0x1.cfa74f70d5099p-18,
};

/// -quantile(exp(-r²)) in y = r - 1.26, r <= 5: denominator.
constexpr double kNormalTailQ[] = {
    0x1.0000000000000p+0,  0x1.981b9ea7a8c9dp+1,  0x1.113c6ce188ab9p+2,  0x1.91f3b64933b83p+1,
    0x1.64a3987efadadp+0,  0x1.893c0f5845c20p-2,  0x1.092eb9ceb93b5p-4,  0x1.980acfdbf0931p-8,
    0x1.34ace891c38c5p-12, 0x1.47d7573e865dbp-18, 0x1.0454edbc9c558p-40,
};

/// -quantile(exp(-r²))/r in y = 1/r - 1/32, 5 <= r <= 28: numerator; relative error below 2^-55.
constexpr double kNormalFarTailP[] = {
    0x1.69339f8094958p+0,  0x1.5eae4c265b648p+6,   0x1.dbf17e62a9499p+10,  0x1.064446c20fab4p+14,
    0x1.52d5891a95e6fp+15, -0x1.d0d68f24a2916p+16, -0x1.e6eee87de32b6p+18, -0x1.29c964e94c2bfp+14,
    0x1.c27b62db2c733p+18, -0x1.fca75f746c589p+14,
};

/// -quantile(exp(-r²))/r in y = 1/r - 1/32, 5 <= r <= 28: denominator.
constexpr double kNormalFarTailQ[] = {
    0x1.0000000000000p+0,  0x1.f22612bd634aep+5,   0x1.53cbb50f718ebp+10,  0x1.7c66cf353ae97p+13,
    0x1.0bd803504fa00p+15, -0x1.fb6eaa59bbd92p+15, -0x1.48ded66fb9a1ap+18, -0x1.5f4c4edb39105p+17,
    0x1.c086a1a9fb5a8p+14, -0x1.a01cf7dba1c1cp+11,
};

/// lgamma(1 + f)/f; error below 2^-61.
constexpr double kLogGammaOne[] = {
    -0x1.2788cfc6fb619p-1, 0x1.a51a6625307d3p-1, -0x1.9a4d55beab2cfp-2, 0x1.151322ac7d831p-2,
    -0x1.a8b9c17aa779dp-3, 0x1.5b40cb101105dp-3, -0x1.2703a1dc33c04p-3, 0x1.010b36ac61af2p-3,
    -0x1.c80670c6474bfp-4, 0x1.9a01e57fac6d5p-4, -0x1.748c286c231bbp-4, 0x1.556a80cec104ep-4,
    -0x1.3b1e07b991ea0p-4, 0x1.249ec87d4f96dp-4, -0x1.111b4de6d529cp-4, 0x1.ff46010601a61p-5,
    -0x1.dfb2487bea5fep-5, 0x1.c969bb1a61c94p-5, -0x1.c407b31c7b1b2p-5, 0x1.b74b8de29f0d8p-5,
    -0x1.63efb69a050a5p-5, 0x1.80b2eba72d4f8p-6, -0x1.8837e406571f2p-8,
};

/// lgamma(2 + f)/f; error below 2^-66.
constexpr double kLogGammaTwo[] = {
    0x1.b0ee6072093cep-2,   0x1.4a34cc4a60fa6p-2,  -0x1.13e001a557606p-4,  0x1.51322ac7d849bp-6,
    -0x1.e404fc218f61fp-8,  0x1.7add6eadb2c11p-9,  -0x1.38ac5c2bf50a2p-10, 0x1.0b36af88b2884p-11,
    -0x1.d3fd4c7b8f6a9p-13, 0x1.a127af44aaf71p-14, -0x1.78de5a3d2d4d3p-15, 0x1.580e260121a51p-16,
    -0x1.3cbce9a3c4ad1p-17, 0x1.258c9651dbedcp-18, -0x1.11a85684e84a2p-19, 0x1.01462b5944f7dp-20,
    -0x1.e40f95a8191f3p-22, 0x1.b1a8c8bf04f15p-23, -0x1.9a854795e6674p-24, 0x1.15fea8732cd9fp-24,
    -0x1.091589d02c7acp-25,
};

/// x (lgamma(x) - (x - 1/2) ln x + x - ln(2π)/2) in w = 1/x², x >= 8; error below 2^-66.
constexpr double kStirling[] = {
    0x1.5555555555555p-4,  -0x1.6c16c16c16b29p-9,  0x1.a01a019ee0dbep-11, -0x1.38137ec070147p-11,
    0x1.b94f6d6592192p-11, -0x1.f5ff2fdcdf048p-10, 0x1.96db40614b193p-8,  -0x1.55b3a71b66a2ep-6,
};

/// 2/π in binary: word i holds the bits of weight 2^(-64 i - 1) to 2^(-64 i - 64).
constexpr uint64_t kTwoOverPi[] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};

}  // namespace looptwin::maths
