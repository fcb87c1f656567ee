plugins {
    id("com.android.application") version "8.7.3"
    id("org.jetbrains.kotlin.android") version "2.2.20"
    id("org.jetbrains.kotlin.plugin.compose") version "2.2.20"
}

android {
    namespace = "org.satchel.sample.android"
    compileSdk = 35
    defaultConfig {
        applicationId = "org.satchel.sample.android"
        minSdk = 28
        targetSdk = 35
        // Those that README.md builds; others would start and find no library.
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
    }
    buildFeatures { compose = true }
    sourceSets["main"].kotlin.srcDirs(
        "../../satchel/src/main/kotlin",
        "../../sample-logic/src/main/kotlin",
        "../../../../target/mobile/kotlin",
    )
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation("net.java.dev.jna:jna:5.17.0@aar")
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.10.2")
    implementation("androidx.work:work-runtime-ktx:2.10.0")
    implementation("androidx.activity:activity-compose:1.9.3")
    implementation(platform("androidx.compose:compose-bom:2024.12.01"))
    implementation("androidx.compose.material3:material3")
}
