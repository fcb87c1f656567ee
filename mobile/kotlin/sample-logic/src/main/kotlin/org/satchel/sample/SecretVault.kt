package org.satchel.sample

import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.security.SecureRandom

/** What the platform encrypts and decrypts with: a key that never leaves it, such as the Keystore's. */
interface PlatformCipher {
    fun encrypt(plain: ByteArray): ByteArray
    fun decrypt(sealed: ByteArray): ByteArray
}

/**
 * The platform's secret of this installation: 32 random bytes, kept in [file] under a key of the platform's. The same each time; made
 * at the first call.
 */
class SecretVault(private val file: File, private val cipher: PlatformCipher) {
    @Synchronized
    fun secret(): ByteArray {
        if (file.exists()) return cipher.decrypt(file.readBytes())
        val made = ByteArray(32).also(SecureRandom()::nextBytes)
        // Whole or not at all: half of it would lock every profile for good.
        val half = File(file.path + ".new")
        half.writeBytes(cipher.encrypt(made))
        Files.move(half.toPath(), file.toPath(), ATOMIC_MOVE)
        return made
    }
}
