package org.satchel.sample.android

import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.Button
import androidx.compose.material3.ListItem
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.text.input.PasswordVisualTransformation
import kotlinx.coroutines.launch
import org.satchel.SatchelDevice
import org.satchel.sample.PatientList
import org.satchel.sample.Unlocking
import org.satchel.syncing

class MainActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        SyncWorker.schedule(this)
        val app = application as App
        setContent {
            var device by remember { mutableStateOf(app.device) }
            val open = device
            if (open == null) Unlock(app) { app.device = it; device = it } else Patients(open)
        }
    }
}

@Composable
private fun Unlock(app: App, opened: (SatchelDevice) -> Unit) {
    val scope = rememberCoroutineScope()
    val (pin, setPin) = remember { mutableStateOf("") }
    val (told, tell) = remember { mutableStateOf("") }
    Column {
        OutlinedTextField(pin, setPin, label = { Text("PIN") }, visualTransformation = PasswordVisualTransformation())
        Text(told)
        for (profile in app.session.profiles()) {
            Button(onClick = {
                scope.launch {
                    when (val tried = app.session.switchTo(profile.id, pin)) {
                        is Unlocking.Open -> opened(tried.device)
                        is Unlocking.Wrong -> tell("Wrong PIN; wait ${tried.waitMs / 1000} s")
                        is Unlocking.Failed -> tell(tried.detail)
                    }
                    setPin("")
                }
            }) { Text("${profile.label} (${profile.unsent?.changes ?: 0} unsent)") }
        }
    }
}

@Composable
private fun Patients(device: SatchelDevice) {
    val list = remember(device) { PatientList(device) }
    val rows by list.rows.collectAsState(emptyList())
    val (typed, setTyped) = remember { mutableStateOf("") }
    // Connected for as long as the screen is there.
    LaunchedEffect(device) { device.syncing().collect {} }
    Column {
        OutlinedTextField(typed, { setTyped(it); list.type(it) }, label = { Text("Search") })
        LazyColumn { items(rows) { ListItem({ Text(it.name) }, supportingContent = { Text(it.birthDate.orEmpty()) }) } }
    }
}
