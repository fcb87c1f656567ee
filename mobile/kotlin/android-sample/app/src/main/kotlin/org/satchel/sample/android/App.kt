package org.satchel.sample.android

import android.app.Application
import java.io.File
import org.satchel.SatchelDevice
import org.satchel.SatchelTablet
import org.satchel.sample.SecretVault
import org.satchel.sample.Session

/** What the app has one of. */
class App : Application() {
    val session by lazy {
        val vault = SecretVault(File(filesDir, "platform-secret"), KeystoreCipher())
        Session(SatchelTablet.open(File(noBackupFilesDir, "profiles").path), vault)
    }

    /** Whoever is logged in; none while all is locked. */
    @Volatile
    var device: SatchelDevice? = null
}
